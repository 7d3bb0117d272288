//! What recorded decisions add up to: other policies' costs and qualities, exploration, removals.

use super::counterfactual::{self, Policy};
use neptune_contracts::{
    PicoUsd,
    names::TaskType,
    plan::{Candidate, Explanation},
    query::routing::{Exploration, PolicyOutcome, RemovedBy},
};
use std::collections::{BTreeMap, BTreeSet};

/// One recorded decision, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Why it was made.
    pub explanation: Explanation,
    /// The kind of work.
    pub task_type: Option<TaskType>,
    /// The model that was called first.
    pub first: Option<String>,
    /// The model that answered.
    pub answered_by: Option<String>,
    /// Calls that were made.
    pub calls: u32,
    /// What they cost, in pico-dollars.
    pub cost_pico_usd: i64,
    /// How good the answer was, 0 to 1, if it was judged.
    pub score: Option<f64>,
}

impl Decided {
    /// What was weighed of `model`.
    #[must_use]
    pub fn candidate(&self, model: &str) -> Option<&Candidate> {
        self.explanation.candidates.iter().find(|candidate| candidate.model == model)
    }

    /// Version of the policy that decided.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.explanation.learning.as_ref().map(|learning| learning.policy.as_str())
    }

    fn explored(&self) -> bool {
        self.explanation.learning.as_ref().is_some_and(|learning| learning.explored)
    }
}

/// What was, and what other policies would have done. `decided` is in order of time.
#[must_use]
pub fn policies(decided: &[Decided]) -> Vec<PolicyOutcome> {
    let as_decided = counterfactual::as_decided(decided);
    let strongest = counterfactual::outcome(decided, &Policy::Strongest);
    let single =
        counterfactual::best_single(decided).map(|model| counterfactual::outcome(decided, &Policy::Single(model)));
    [Some(as_decided), Some(strongest), single, counterfactual::previous(decided)].into_iter().flatten().collect()
}

/// What trying models out of turn cost.
#[must_use]
pub fn exploration(decided: &[Decided]) -> Exploration {
    let mut sum = Exploration::default();
    for decision in decided.iter().filter(|decision| decision.explored()) {
        let utility = |candidate: &Candidate| candidate.utility_usd;
        let best = decision.explanation.candidates.first().map_or(0.0, utility);
        let tried = decision.first.as_deref().and_then(|first| decision.candidate(first)).map_or(best, utility);
        sum.tasks += 1;
        sum.cost_usd = sum.cost_usd.saturating_add(PicoUsd(decision.cost_pico_usd));
        sum.forgone_usd += (best - tried).max(0.0);
    }
    sum
}

/// Why models were removed, the most frequent first.
#[must_use]
pub fn removed(decided: &[Decided]) -> Vec<RemovedBy> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for decision in decided {
        let mut seen = BTreeSet::new();
        for removed in &decision.explanation.removed {
            let (models, tasks) = counts.entry(&removed.by).or_default();
            *models += 1;
            *tasks += u64::from(seen.insert(&removed.by));
        }
    }
    let row = |(by, (models, tasks)): (&str, (u64, u64))| RemovedBy { by: by.to_owned(), models, tasks };
    let mut rows: Vec<RemovedBy> = counts.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.models));
    rows
}

#[cfg(test)]
mod tests;
