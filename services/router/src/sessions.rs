//! Which model each session's last task went to, shared between the replicas over Redis and read from
//! memory: a task never waits for it. What another replica decided is known here after half a second.

use crate::statistics::Store;
use redis::RedisError;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::MissedTickBehavior;

/// Between two exchanges with the other replicas.
const EXCHANGE_EVERY: Duration = Duration::from_millis(250);
/// A session that is silent for so long begins anew.
const SESSION_LASTS_MS: i64 = 3_600_000;
/// Sessions known at a time, some 10 MiB. What is beyond is decided as if it were no session's.
const MOST_SESSIONS: usize = 50_000;

/// The model of a session, as of its last task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The session's lot.
    pub lot: u128,
    /// The model.
    pub model: Arc<str>,
    /// When the task was routed, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The sessions that this replica knows of.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_lot: HashMap<u128, (Arc<str>, i64)>,
    /// Not told to the other replicas yet.
    untold: Vec<Visit>,
}

impl Sessions {
    /// The model of the session, and how long ago in milliseconds; nothing when there is none at `now_ms`.
    #[must_use]
    pub fn held(&self, lot: u128, now_ms: i64) -> Option<(Arc<str>, u64)> {
        let known = self.known();
        let (model, at_ms) = known.by_lot.get(&lot)?;
        let ago_ms = now_ms.saturating_sub(*at_ms).max(0);
        (ago_ms < SESSION_LASTS_MS).then(|| (model.clone(), ago_ms.unsigned_abs()))
    }

    /// Takes in where a task of a session goes, to be told to the others too.
    pub fn visit(&self, visit: Visit) {
        let mut known = self.known();
        known.take(&visit);
        if known.untold.len() < MOST_SESSIONS {
            known.untold.push(visit);
        }
    }

    /// Takes over what other replicas decided.
    pub fn hear(&self, visits: &[Visit]) {
        let mut known = self.known();
        visits.iter().for_each(|visit| known.take(visit));
    }

    fn untold(&self) -> Vec<Visit> {
        std::mem::take(&mut self.known().untold)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A session is whole at any moment, whoever crashed while another one was changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The latest task of a session counts, whatever the order in which they are heard of.
    fn take(&mut self, visit: &Visit) {
        if self.by_lot.len() >= MOST_SESSIONS && !self.by_lot.contains_key(&visit.lot) {
            let oldest_ms = visit.at_ms - SESSION_LASTS_MS;
            self.by_lot.retain(|_, (_, at_ms)| *at_ms > oldest_ms);
            if self.by_lot.len() >= MOST_SESSIONS {
                return;
            }
        }
        let held = self.by_lot.entry(visit.lot).or_insert_with(|| (visit.model.clone(), visit.at_ms));
        if visit.at_ms > held.1 {
            *held = (visit.model.clone(), visit.at_ms);
        }
    }
}

/// Exchanges sessions with the other replicas, for as long as the router runs.
pub async fn exchange_sessions(sessions: &Sessions, store: &Store) {
    let mut ticks = tokio::time::interval(EXCHANGE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut read_to = None;
    loop {
        ticks.tick().await;
        if let Err(error) = exchange(sessions, store, &mut read_to).await {
            tracing::debug!(%error, "cannot exchange the models of sessions");
        }
    }
}

/// One exchange; `read_to` says up to where the others' visits were read, nothing before the first time.
/// What cannot be told is forgotten: the next task of the session tells it again.
///
/// # Errors
/// Redis does not answer.
pub async fn exchange(sessions: &Sessions, store: &Store, read_to: &mut Option<String>) -> Result<(), RedisError> {
    store.tell_visits(&sessions.untold()).await?;
    let (visits, last) = store.read_visits(read_to.as_deref()).await?;
    sessions.hear(&visits);
    *read_to = last.or(read_to.take());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn visit(lot: u128, model: &str, at_ms: i64) -> Visit {
        Visit { lot, model: model.into(), at_ms }
    }

    #[test]
    fn the_latest_task_of_a_session_counts_until_it_is_long_ago() {
        let sessions = Sessions::default();
        sessions.visit(visit(1, "b/new", 2_000));
        sessions.hear(&[visit(1, "a/old", 1_000), visit(2, "c/other", 1_000)]);
        assert_eq!(sessions.held(1, 2_500).unwrap(), ("b/new".into(), 500));
        assert_eq!(sessions.held(3, 2_500), None);
        assert_eq!(sessions.held(1, 2_000 + SESSION_LASTS_MS), None);
        assert_eq!(sessions.untold(), [visit(1, "b/new", 2_000)], "what was heard is not told again");
        assert!(sessions.untold().is_empty());
    }

    #[test]
    fn memory_is_bounded_and_silent_sessions_make_room() {
        let sessions = Sessions::default();
        let many: Vec<Visit> = (0..MOST_SESSIONS as u128).map(|lot| visit(lot, "a/b", 1_000)).collect();
        sessions.hear(&many);
        sessions.hear(&[visit(u128::MAX, "a/b", 2_000)]);
        assert_eq!(sessions.held(u128::MAX, 2_000), None);
        let later_ms = 1_001 + SESSION_LASTS_MS;
        sessions.hear(&[visit(u128::MAX, "a/b", later_ms)]);
        assert!(sessions.held(u128::MAX, later_ms).is_some());
    }
}
