//! When the next try is made, and when there is none.

use super::verdict::{Again, Verdict};
use neptune_contracts::delivery::DeliveryOutcome;
use std::time::Duration;

/// Pauses before the second, third, … try; the last try is the one after the last pause.
pub type Schedule = &'static [Duration];

/// Ten tries within about three quarters of an hour.
pub const SCHEDULE: Schedule = &[
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(600),
    Duration::from_secs(600),
    Duration::from_secs(600),
    Duration::from_secs(600),
];
/// Tries of what will hardly pass, or may have arrived.
const A_FEW: u64 = 3;
/// Least pause after a try that may have arrived: whatever hung has time to come back, because
/// there are few tries.
const DOUBTFUL_PAUSE: Duration = Duration::from_secs(60);
/// Pauses are spread by this share in both directions, so that deliveries that failed together do
/// not come back together.
const SPREAD: f64 = 0.2;
/// A receiving side that asks for a longer pause gets this one.
const LONGEST_WISH: Duration = Duration::from_secs(3_600);

/// What follows from a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The delivery has ended.
    End(DeliveryOutcome),
    /// Another try, after a pause.
    TryAgain {
        /// The pause.
        after: Duration,
    },
}

/// What follows from the `attempt`th try (counted from 1) having gone as `verdict` says. `chance` is
/// a random number from 0 to 1.
#[must_use]
pub fn next(attempt: u64, verdict: &Verdict, schedule: Schedule, chance: f64) -> Step {
    let Verdict::Failed { again, .. } = verdict else { return Step::End(DeliveryOutcome::Delivered) };
    let (limit, wish) = match again {
        Again::Yes { not_before } => (u64::MAX, *not_before),
        Again::AFewTimes => (A_FEW, None),
        Again::Doubtful => (A_FEW, Some(DOUBTFUL_PAUSE)),
        Again::No => (0, None),
    };
    match pause(attempt, schedule).filter(|_| attempt < limit) {
        Some(pause) => {
            let spread = pause.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance.clamp(0.0, 1.0));
            Step::TryAgain { after: spread.max(wish.unwrap_or_default().min(LONGEST_WISH)) }
        }
        None => Step::End(DeliveryOutcome::Failed),
    }
}

/// Whether a try beyond the last one is asked for, which happens when tries ended in crashes.
#[must_use]
pub fn is_beyond_last(attempt: u64, schedule: Schedule) -> bool {
    attempt > schedule.len() as u64 + 1
}

fn pause(attempt: u64, schedule: Schedule) -> Option<Duration> {
    schedule.get(usize::try_from(attempt).ok()?.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSING: Again = Again::Yes { not_before: None };

    fn check(attempt: u64, again: Again, expected: Option<u64>) {
        let step = next(attempt, &Verdict::failed("x", again), SCHEDULE, 0.5);
        let expected = expected.map_or(Step::End(DeliveryOutcome::Failed), |seconds| Step::TryAgain {
            after: Duration::from_secs(seconds),
        });
        assert_eq!(step, expected, "try {attempt}, {again:?}");
    }

    #[test]
    fn tries_follow_the_schedule_and_end() {
        check(1, PASSING, Some(1));
        check(2, PASSING, Some(5));
        check(9, PASSING, Some(600));
        check(10, PASSING, None);
        check(11, PASSING, None);
        check(2, Again::AFewTimes, Some(5));
        check(3, Again::AFewTimes, None);
        check(2, Again::Doubtful, Some(60));
        check(3, Again::Doubtful, None);
        check(1, Again::No, None);
        check(1, Again::Yes { not_before: Some(Duration::from_secs(60)) }, Some(60));
        check(5, Again::Yes { not_before: Some(Duration::from_secs(60)) }, Some(600));
        check(1, Again::Yes { not_before: Some(Duration::from_secs(86_400)) }, Some(3_600));
        check(10, Again::Yes { not_before: Some(Duration::from_secs(1)) }, None);
        assert_eq!(
            next(10, &Verdict::Delivered { receipt: None }, SCHEDULE, 0.5),
            Step::End(DeliveryOutcome::Delivered)
        );
        assert!(!is_beyond_last(10, SCHEDULE) && is_beyond_last(11, SCHEDULE));
    }

    proptest! {
        #[test]
        fn a_pause_is_spread_by_a_fifth(attempt in 1_u64..10, chance in 0.0..=1.0_f64) {
            let Step::TryAgain { after } = next(attempt, &Verdict::passing("x"), SCHEDULE, chance) else {
                return Err(TestCaseError::fail("it ended"));
            };
            let Some(pause) = pause(attempt, SCHEDULE) else { return Err(TestCaseError::fail("no pause")) };
            prop_assert!(after >= pause.mul_f64(0.799) && after <= pause.mul_f64(1.201));
        }
    }
}
