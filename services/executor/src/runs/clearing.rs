//! Timers of runs that have ended, taken back when there is time for it.
//!
//! Nobody waits for that, and it costs the broker as much as a step of a run. So when many runs end in the same moment,
//! all of them go on first. What is not taken back because this executor dies meanwhile fires later, and costs a look in
//! vain.

use super::Runs;
use futures::{StreamExt as _, stream};
use neptune_contracts::{ids::RunId, names::Team};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So long after the end of its run a timer is taken back.
const REST: Duration = Duration::from_millis(1_500);
/// Between two looks at what is to be taken back.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Runs whose timers are taken back at a time.
const AT_ONCE: usize = 8;

/// Runs that have ended, the earliest first.
#[derive(Default)]
pub(crate) struct Clearing(Mutex<VecDeque<Ended>>);

struct Ended {
    team: Team,
    run: RunId,
    /// All its timers are stored before this sequence; those after it are of a run that was taken up again.
    before: u64,
    at: Instant,
}

impl Clearing {
    fn add(&self, ended: Ended) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(ended);
    }

    /// Those that ended at `until` or before.
    fn take(&self, until: Instant) -> Vec<Ended> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = waiting.partition_point(|ended| ended.at <= until);
        waiting.drain(..due).collect()
    }
}

impl Runs {
    /// Takes back, after a while, the timers of a run that has ended, which are stored before this sequence.
    pub(super) fn clear_soon(&self, (team, run): (&Team, RunId), before: u64) {
        self.clearing.add(Ended { team: team.clone(), run, before, at: Instant::now() });
    }

    /// Takes back timers of runs that have ended, for ever.
    pub(crate) async fn clear_after_ends(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(until) = Instant::now().checked_sub(REST) else { continue };
            stream::iter(self.clearing.take(until)).for_each_concurrent(AT_ONCE, |ended| self.clear_of(ended)).await;
        }
    }

    async fn clear_of(&self, Ended { team, run, before, .. }: Ended) {
        if let Err(error) = self.bus.clear_timers_before(&team, run, before).await {
            tracing::debug!(run.id = %run, error = &error as &dyn std::error::Error, "timers are left to fire in vain");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_rested_is_taken_back_and_only_once() {
        let (clearing, begun) = (Clearing::default(), Instant::now());
        let ended = |ms| Ended {
            team: "support".parse().unwrap(),
            run: RunId::mint(),
            before: ms,
            at: begun + Duration::from_millis(ms),
        };
        [1, 2, 3].into_iter().for_each(|ms| clearing.add(ended(ms)));
        let taken = |ms| -> Vec<u64> {
            let taken = clearing.take(begun + Duration::from_millis(ms));
            taken.into_iter().map(|ended| ended.before).collect()
        };
        assert_eq!((taken(2), taken(2), taken(9)), (vec![1, 2], vec![], vec![3]));
    }
}
