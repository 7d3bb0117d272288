//! The controllers of the budgets that this replica sees tasks of, shared with the other replicas over
//! Redis, so that one that starts in the middle of a month goes on where they are.

use crate::{
    domain::tempo::{Controller, words},
    statistics::Store,
};
use neptune_contracts::admission::BudgetPace;
use redis::RedisError;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::MissedTickBehavior;

/// Between two exchanges with the other replicas.
const EXCHANGE_EVERY: Duration = Duration::from_secs(5);

/// Controllers by budget and period.
#[derive(Debug, Default)]
pub struct Tempos(Mutex<HashMap<String, Controller>>);

impl Tempos {
    /// Takes in how budgets stand. Returns by how much money is dearer than the route says, and by which
    /// budget: the one that makes it dearest. Nothing without budgets.
    #[must_use]
    pub fn see(&self, paces: &[BudgetPace]) -> Option<(f64, String)> {
        let mut controllers = self.controllers();
        let factor = |pace: &BudgetPace| {
            let known = controllers.entry(pace.budget.clone()).or_insert_with(|| Controller::new(pace));
            *known = known.seen(pace);
            known.factor()
        };
        let factors: Vec<f64> = paces.iter().map(factor).collect();
        let dearest = factors.into_iter().zip(paces).max_by(|left, right| left.0.total_cmp(&right.0));
        dearest.map(|(factor, pace)| (factor, words(pace)))
    }

    /// Takes over from `others` whatever looked later. Returns what they do not have yet.
    fn exchange(&self, others: HashMap<String, Controller>) -> Vec<(String, Controller)> {
        let mut controllers = self.controllers();
        for (budget, other) in &others {
            if controllers.get(budget).is_some_and(|own| own.elapsed_share < other.elapsed_share) {
                controllers.insert(budget.clone(), *other);
            }
        }
        let is_newer = |(budget, own): &(&String, &Controller)| {
            others.get(*budget).is_none_or(|other| other.elapsed_share < own.elapsed_share)
        };
        controllers.iter().filter(is_newer).map(|(budget, own)| (budget.clone(), *own)).collect()
    }

    /// Forgets periods that are over: those of a budget that has a newer one. Returns them.
    fn forget(&self) -> Vec<String> {
        let mut controllers = self.controllers();
        let over: Vec<String> = controllers
            .keys()
            .filter(|key| {
                let (budget, period) = key.rsplit_once(':').unwrap_or((key, ""));
                let newer =
                    |other: &String| other.rsplit_once(':').is_some_and(|(name, at)| name == budget && at > period);
                controllers.keys().any(newer)
            })
            .cloned()
            .collect();
        controllers.retain(|key, _| !over.contains(key));
        over
    }

    /// Takes over controllers of budgets that this replica has seen no task of.
    fn adopt(&self, others: &HashMap<String, Controller>) {
        let mut controllers = self.controllers();
        for (budget, other) in others {
            controllers.entry(budget.clone()).or_insert(*other);
        }
    }

    fn controllers(&self) -> MutexGuard<'_, HashMap<String, Controller>> {
        // A controller is whole at any moment, whoever crashed while another one was changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exchanges controllers with the other replicas, for as long as the router runs.
pub async fn exchange_tempos(tempos: &Tempos, store: &Store) {
    let mut ticks = tokio::time::interval(EXCHANGE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = exchange(tempos, store).await {
            tracing::debug!(%error, "cannot exchange how budgets are kept in step");
        }
    }
}

/// One exchange.
///
/// # Errors
/// Redis does not answer.
pub async fn exchange(tempos: &Tempos, store: &Store) -> Result<(), RedisError> {
    let others = store.read_tempos().await?;
    tempos.adopt(&others);
    let over = tempos.forget();
    let newer = tempos.exchange(others);
    store.write_tempos(&newer, &over).await
}
