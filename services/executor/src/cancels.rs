//! Tasks whose answers are not wanted any more.

use neptune_contracts::{ids::TaskId, names::Team};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// The word may come before the task: it is remembered for so long.
const REMEMBERED: Duration = Duration::from_secs(60);
/// And for so many tasks at most.
const MOST: usize = 10_000;

type Key = (Team, TaskId);

/// What this executor knows of cancelled tasks.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    running: HashMap<Key, CancellationToken>,
    early: VecDeque<(Instant, Key)>,
}

/// A task that is worked on. Dropping it ends the watch.
pub struct Watch {
    cancels: Cancels,
    key: Key,
    token: CancellationToken,
}

impl Cancels {
    /// Watches a task that this executor begins to work on.
    #[must_use]
    pub fn watch(&self, team: &Team, task: TaskId) -> Watch {
        let (key, token) = ((team.clone(), task), CancellationToken::new());
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.early.iter().any(|(at, early)| at.elapsed() < REMEMBERED && *early == key) {
            token.cancel();
        }
        state.running.insert(key.clone(), token.clone());
        Watch { cancels: self.clone(), key, token }
    }

    /// Takes the word that a task's answer is not wanted.
    pub fn cancel(&self, team: Team, task: TaskId) {
        let key = (team, task);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = state.running.get(&key) {
            token.cancel();
            return;
        }
        while state.early.front().is_some_and(|(at, _)| at.elapsed() >= REMEMBERED) || state.early.len() >= MOST {
            state.early.pop_front();
        }
        state.early.push_back((Instant::now(), key));
    }
}

impl Watch {
    /// Cancelled with the task.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_word_reaches_a_task_that_runs_and_one_that_comes_later() {
        let (cancels, team): (Cancels, Team) = (Cancels::default(), "a".parse().unwrap());
        let (one, two) = (TaskId::mint(), TaskId::mint());
        let (first, second) = (cancels.watch(&team, one), cancels.watch(&team, two));
        cancels.cancel(team.clone(), one);
        assert!(first.token().is_cancelled() && !second.token().is_cancelled());
        drop((first, second));
        cancels.cancel("b".parse().unwrap(), two);
        assert!(!cancels.watch(&team, two).token().is_cancelled(), "another team's task of the same id");
        cancels.cancel(team.clone(), two);
        assert!(cancels.watch(&team, two).token().is_cancelled());
    }
}
