//! How long an attempt may take.

use neptune_contracts::{Timestamp, plan::PlannedAttempt};

/// A call seldom takes longer than this many times what is expected of it.
const CAUTION: u64 = 2;

/// The attempt's own limit or its part of what is left until `deadline`, whichever is less; nothing
/// when nothing is left. `index` says which attempt of the plan it is.
///
/// Each attempt that may follow keeps back the time that it seldom exceeds, so that a first model that
/// does not answer leaves the others a chance. Where there is not enough for all, they share what
/// there is by what each is expected to need.
#[must_use]
pub fn time_for_attempt(
    timeout_ms: u64,
    (plan, index): (&[PlannedAttempt], usize),
    deadline: Option<Timestamp>,
    now: Timestamp,
) -> Option<u64> {
    let Some(deadline) = deadline else { return Some(timeout_ms).filter(|limit| *limit > 0) };
    let left_ms = deadline.micros_since(now) / 1_000;
    let need = |planned: &PlannedAttempt| planned.expected_latency_ms.max(1).saturating_mul(CAUTION);
    let own_ms = plan.get(index).map_or(1, need);
    let later_ms = plan.iter().skip(index + 1).map(need).fold(0, u64::saturating_add);
    let wanted_ms = own_ms.saturating_add(later_ms);
    let kept_back_ms = if wanted_ms <= left_ms { later_ms } else { part(left_ms, later_ms, wanted_ms) };
    let allowed = timeout_ms.min(left_ms.saturating_sub(kept_back_ms));
    (allowed > 0).then_some(allowed)
}

/// `whole * share / of`, in full precision.
fn part(whole: u64, share: u64, of: u64) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(share) / u128::from(of.max(1))).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::samples::routed;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_000_000_000).unwrap()
    }

    fn plan(expected_ms: &[u64]) -> Vec<PlannedAttempt> {
        let sample = routed().plan.attempts.remove(0);
        expected_ms.iter().map(|ms| PlannedAttempt { expected_latency_ms: *ms, ..sample.clone() }).collect()
    }

    fn check(expected_ms: &[u64], index: usize, left_ms: i64, wanted: Option<u64>) {
        let found = time_for_attempt(5_000, (&plan(expected_ms), index), Some(now().plus_millis(left_ms)), now());
        assert_eq!(found, wanted, "{expected_ms:?} {index} {left_ms}");
    }

    #[test]
    fn the_tighter_limit_holds() {
        assert_eq!(time_for_attempt(5_000, (&plan(&[700]), 0), None, now()), Some(5_000));
        check(&[700], 0, 300, Some(300));
        check(&[700], 0, 9_000, Some(5_000));
        check(&[700], 0, -1, None);
    }

    #[test]
    fn later_attempts_keep_their_time_back() {
        check(&[700, 300, 200], 0, 4_000, Some(3_000));
        check(&[700, 300, 200], 1, 1_000, Some(600));
        check(&[700, 300, 200], 2, 400, Some(400));
        // Not enough for all: by what each is expected to need.
        check(&[600, 300, 100], 0, 1_000, Some(600));
        check(&[u64::MAX, u64::MAX], 0, 1_000, Some(0).filter(|_| false));
    }

    proptest! {
        #[test]
        fn every_attempt_of_a_plan_gets_some_time(expected in prop::collection::vec(1_u64..5_000, 1..5), left_ms in 1_000_i64..60_000) {
            let (plan, deadline) = (plan(&expected), now().plus_millis(left_ms));
            let mut at = now();
            for index in 0..plan.len() {
                let allowed = time_for_attempt(u64::MAX, (&plan, index), Some(deadline), at);
                prop_assert!(allowed.is_some(), "{index} of {expected:?} in {left_ms}");
                at = at.plus_millis(i64::try_from(allowed.unwrap()).unwrap());
            }
            prop_assert!(at <= deadline);
        }
    }
}
