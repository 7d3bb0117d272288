//! What this replica knows while it routes: read without a lock, changed off the request's path.

use crate::domain::{
    checks::CheckCounts,
    circuit::{Circuit, Health},
    explore::Budget,
    headroom::{Headroom, Heard},
    observe::Observation,
    quality::Cells,
    statistics::Statistics,
    words::Words,
};
use crate::{sessions::Sessions, tempo::Tempos};
use arc_swap::ArcSwap;
use neptune_contracts::names::Team;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The newest statistics, and circuits as this replica saw them itself. The latter react at once,
/// and also while Redis is away.
#[derive(Debug, Default)]
pub struct Board {
    statistics: ArcSwap<Statistics>,
    circuits: ArcSwap<HashMap<String, Circuit>>,
    headroom: ArcSwap<HashMap<String, Headroom>>,
    trials: ArcSwap<HashMap<String, i64>>,
    cells: ArcSwap<Cells>,
    explored: Mutex<HashMap<Team, Budget>>,
    rebuilding: AtomicBool,
    hedged: Mutex<Budget>,
    words: ArcSwap<Words>,
    checks: ArcSwap<CheckCounts>,
    /// Budgets that are kept in step with their period.
    pub tempos: Tempos,
    /// The models of sessions.
    pub sessions: Sessions,
}

impl Board {
    /// The newest statistics.
    #[must_use]
    pub fn statistics(&self) -> Arc<Statistics> {
        self.statistics.load_full()
    }

    /// Circuits as this replica saw them.
    #[must_use]
    pub fn circuits(&self) -> Arc<HashMap<String, Circuit>> {
        self.circuits.load_full()
    }

    /// When this replica last gave each recovering model a task to try it, in milliseconds since 1970.
    #[must_use]
    pub fn trials(&self) -> Arc<HashMap<String, i64>> {
        self.trials.load_full()
    }

    /// A task that goes to the recovering `model` tries it for all.
    pub fn tries(&self, model: &str, at_ms: i64) {
        self.trials.rcu(|trials| {
            let mut trials = HashMap::clone(trials);
            trials.insert(model.to_owned(), at_ms);
            trials
        });
    }

    /// What this replica heard about rate limits.
    #[must_use]
    pub fn headroom(&self) -> Arc<HashMap<String, Headroom>> {
        self.headroom.load_full()
    }

    /// Takes in what providers said about rate limits.
    pub fn hear(&self, heard: &[Heard]) {
        if heard.is_empty() {
            return;
        }
        self.headroom.rcu(|known| {
            let mut known = HashMap::clone(known);
            for Heard { model, headroom } in heard {
                let newest = Headroom::newest(known.get(model).copied(), Some(*headroom));
                known.extend(newest.map(|newest| (model.clone(), newest)));
            }
            known
        });
    }

    /// The newest feedback.
    #[must_use]
    pub fn cells(&self) -> Arc<Cells> {
        self.cells.load_full()
    }

    /// What words say about models.
    #[must_use]
    pub fn words(&self) -> Arc<Words> {
        self.words.load_full()
    }

    /// What became of checked answers.
    #[must_use]
    pub fn checks(&self) -> Arc<CheckCounts> {
        self.checks.load_full()
    }

    /// Takes over what became of checked answers.
    pub fn replace_checks(&self, checks: CheckCounts) {
        self.checks.store(Arc::new(checks));
    }

    /// Takes over what words say.
    pub fn replace_words(&self, words: Words) {
        self.words.store(Arc::new(words));
    }

    /// Takes over new feedback.
    pub fn replace_cells(&self, cells: Cells) {
        self.cells.store(Arc::new(cells));
    }

    /// Whether Redis has not all statistics, because they are rebuilt.
    #[must_use]
    pub fn is_rebuilding(&self) -> bool {
        self.rebuilding.load(Ordering::Relaxed)
    }

    /// Takes over whether Redis lacks statistics.
    pub fn set_rebuilding(&self, is_rebuilding: bool) {
        self.rebuilding.store(is_rebuilding, Ordering::Relaxed);
    }

    /// Whether some of the team's exploration is left, by what this replica decided for it.
    #[must_use]
    pub fn may_explore(&self, team: &Team) -> bool {
        self.budgets().get(team).copied().unwrap_or_default().is_left()
    }

    /// Takes in whether a decision for the team explored.
    pub fn decided(&self, team: &Team, explored: bool) {
        self.budgets().entry(team.clone()).or_default().spend(explored);
    }

    /// Whether few enough calls were hedged lately, by the tasks whose end this replica heard of.
    #[must_use]
    pub fn may_hedge(&self) -> bool {
        self.hedged.lock().unwrap_or_else(PoisonError::into_inner).is_left()
    }

    /// Takes in a call, and whether it raced another.
    pub fn called(&self, hedged: bool) {
        self.hedged.lock().unwrap_or_else(PoisonError::into_inner).spend(hedged);
    }

    fn budgets(&self) -> std::sync::MutexGuard<'_, HashMap<Team, Budget>> {
        // Counts stay counts, whoever crashed while adding to them.
        self.explored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over new statistics, and forgets own circuits that they have overtaken.
    pub fn replace(&self, statistics: Statistics) {
        let is_overtaken = |model: &String, own: &Circuit| {
            statistics.models.get(model).is_some_and(|measured| measured.circuit.succeeded_at_ms > own.failed_at_ms)
        };
        if self.circuits.load().iter().any(|(model, own)| is_overtaken(model, own)) {
            self.circuits.rcu(|circuits| {
                let mut circuits = HashMap::clone(circuits);
                circuits.retain(|model, own| !is_overtaken(model, own));
                circuits
            });
        }
        self.statistics.store(Arc::new(statistics));
    }

    /// Takes in what an attempt says about its model's health.
    pub fn notice(&self, observation: &Observation) {
        // Most successes are those of models that never failed here.
        let is_known = self.circuits.load().contains_key(&observation.model);
        if observation.health == Health::Answered && !is_known {
            return;
        }
        self.circuits.rcu(|circuits| {
            let mut circuits = HashMap::clone(circuits);
            let circuit = circuits.entry(observation.model.clone()).or_default();
            match observation.health {
                Health::Answered => circuit.answered(observation.at_ms),
                Health::Failed { class, pause_ms } => circuit.failed(observation.at_ms, class, pause_ms),
                Health::Unrelated => {}
            }
            circuits
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use neptune_contracts::{
        Timestamp,
        limits::{RateLimits, RateWindow},
    };

    #[test]
    fn the_board_keeps_the_newest_account_of_a_models_limits() {
        let board = Board::default();
        let said = |at_us: i64, remaining: u64| {
            let window = RateWindow { limit: None, remaining, resets_at: Timestamp::EPOCH.plus_millis(1) };
            let limits = RateLimits { requests: Some(window), ..RateLimits::default() };
            Heard { model: "a/first".into(), headroom: Headroom { at_us, limits } }
        };
        board.hear(&[said(2, 7), said(3, 6), said(1, 8)]);
        board.hear(&[said(2, 7)]);
        assert_eq!(board.headroom()["a/first"], said(3, 6).headroom);
    }
}
