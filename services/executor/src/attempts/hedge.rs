//! Two calls that race: the second starts when the first is late.

use super::{Attempts, call::Made};
use crate::domain::step;
use neptune_contracts::{Timestamp, attempt::HEDGE, plan::PlannedAttempt};
use std::{pin::pin, time::Duration};

impl Attempts<'_> {
    /// Makes the first attempt, and the second beside it when the first takes longer than the delay.
    /// Returns how many began. An answer that will do ends the race: the other call is cut.
    pub(super) async fn hedge(&mut self, delay_ms: u64) -> usize {
        let routed = self.routed;
        let [first] = step::at_once(routed, 1, &self.caller.zones, Timestamp::now()) else { return 0 };
        let made = match routed.plan.attempts.get(1) {
            Some(second) => self.race(first, second, Duration::from_millis(delay_ms)).await,
            None => return 0,
        };
        let begun = made.len();
        for made in made {
            self.keep(made);
        }
        begun
    }

    /// The attempts that began, in that order.
    async fn race(&self, first: &PlannedAttempt, second: &PlannedAttempt, delay: Duration) -> Vec<Made> {
        let ask = self.ask();
        let (begun, mut late) = (self.begin(first, None), None);
        let mut call = pin!(self.complete(&begun, &ask));
        if let Ok(made) = tokio::time::timeout(delay, &mut call).await {
            return vec![made];
        }
        let cost = first.expected_cost_usd.saturating_add(second.expected_cost_usd);
        let bounds = (self.caller.zones.as_slice(), Timestamp::now());
        if !step::may_call(self.routed, &[], (second, cost), bounds) {
            return vec![call.await];
        }
        let other_begun = late.insert(self.begin(second, Some(HEDGE)));
        let mut other_call = pin!(self.complete(other_begun, &ask));
        tokio::select! {
            // Of two answers in the same moment the first model's is taken.
            biased;
            made = &mut call => {
                let other = if made.attempt.serves() { self.cancelled(other_begun, &ask) } else { other_call.await };
                vec![made, other]
            }
            other = &mut other_call => {
                let made = if other.attempt.serves() { self.cancelled(&begun, &ask) } else { call.await };
                vec![made, other]
            }
        }
    }
}
