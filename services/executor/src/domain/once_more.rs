//! A call that failed for what passes quickly, when the plan has no other model: the same one is called once
//! more, a little later. A plan of several goes on with the next, and the task is routed anew after the last.

use super::step::Progress;
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass, RETRY},
    plan::{PlannedAttempt, Strategy, TaskRouted},
};

/// Least pause before the same model is called again.
const LEAST_PAUSE_MS: u64 = 100;
/// Callers that failed together come back over so long.
const SPREAD_MS: u64 = 300;
/// A provider that asks to be left alone for longer is not called again for this task.
const LONGEST_PAUSE_MS: u64 = 2_000;

/// The attempt that is made again, and after how many milliseconds. Nothing where that was done before,
/// the failure is none that passes, or the time until the deadline is not enough for it.
#[must_use]
pub fn once_more<'p>(
    routed: &'p TaskRouted,
    progress: &Progress<'_>,
    now: Timestamp,
) -> Option<(&'p PlannedAttempt, u64)> {
    if routed.plan.strategy != Strategy::Single && routed.plan.attempts.len() > 1 {
        return None;
    }
    // An executor that died in the pause has left its attempt; one whose end nobody knows says nothing.
    let left = || routed.attempts_made.iter().rev().find(|attempt| !attempt.is_lost());
    let last = progress.made.last().or_else(left)?;
    let error = last.error.as_ref()?;
    let passes = matches!(error.class, ErrorClass::Overload | ErrorClass::Network);
    let is_of_the_plan = last.purpose.is_none();
    if !passes || !is_of_the_plan || routed.attempts_made.iter().chain(progress.made).any(is_retry) {
        return None;
    }
    let pause_ms = error.retry_after_ms.unwrap_or(0).max(LEAST_PAUSE_MS + spread_ms(last));
    let begun = if progress.made.is_empty() { routed.plan.attempts.len() } else { progress.begun };
    let planned = routed.plan.attempts.get(..begun)?.iter().rfind(|planned| planned.model == last.model)?;
    let needed_us = pause_ms.saturating_add(planned.expected_latency_ms).saturating_mul(1_000);
    let deadline = routed.task.constraints.deadline;
    let is_in_time = deadline.is_none_or(|deadline| deadline.micros_since(now) > needed_us);
    (is_in_time && pause_ms <= LONGEST_PAUSE_MS).then_some((planned, pause_ms))
}

fn is_retry(attempt: &Attempt) -> bool {
    attempt.purpose.as_deref() == Some(RETRY)
}

/// By the end of the attempt's id, which is as good as drawn.
fn spread_ms(attempt: &Attempt) -> u64 {
    u64::try_from(attempt.id.0.as_u128() % u128::from(SPREAD_MS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::samples::{attempt, routed, start};

    /// After the first attempt of a plan of one failed.
    fn after(change: impl FnOnce(&mut TaskRouted, &mut Attempt)) -> Option<u64> {
        let (mut routed, mut failed) = (routed(), attempt("a", Some(ErrorClass::Overload), "0.1"));
        routed.plan.attempts.truncate(1);
        change(&mut routed, &mut failed);
        let progress = Progress { made: &[failed], begun: 1, is_told: false };
        once_more(&routed, &progress, start()).map(|(planned, pause_ms)| {
            assert_eq!(planned.model, "a");
            pause_ms
        })
    }

    fn class(class: ErrorClass) -> Option<u64> {
        after(|_, failed| failed.error.as_mut().unwrap().class = class)
    }

    #[test]
    fn what_passes_quickly_is_tried_once_more() {
        use ErrorClass::{Auth, BadRequest, Malformed, Network, Overload, RateLimit, Timeout};
        for passing in [Overload, Network] {
            assert!(class(passing).is_some_and(|pause_ms| (100..400).contains(&pause_ms)), "{passing}");
        }
        for lasting in [Auth, BadRequest, Malformed, RateLimit, Timeout] {
            assert_eq!(class(lasting), None, "{lasting}");
        }
        assert_eq!(after(|_, failed| failed.purpose = Some("retry".into())), None);
        assert_eq!(after(|_, failed| failed.purpose = Some("re_ask".into())), None);
        assert_eq!(
            after(|routed, failed| {
                let before = Attempt { purpose: Some("retry".into()), ..failed.clone() };
                routed.attempts_made.push(before);
            }),
            None
        );
    }

    #[test]
    fn who_goes_on_after_a_crash_does_what_was_left_to_do() {
        let (mut routed, failed) = (routed(), attempt("a", Some(ErrorClass::Overload), "0.1"));
        routed.plan.attempts.truncate(1);
        let mut after = |made: &[Attempt]| {
            routed.attempts_made = made.to_vec();
            once_more(&routed, &Progress { made: &[], begun: 0, is_told: false }, start()).is_some()
        };
        let lost = Attempt { purpose: Some("lost".into()), ..attempt("a", Some(ErrorClass::Cancelled), "0.1") };
        let again = Attempt { purpose: Some("retry".into()), ..failed.clone() };
        assert!(after(std::slice::from_ref(&failed)));
        assert!(after(&[failed.clone(), lost.clone()]), "nobody knows how it ended");
        assert!(!after(&[failed, again]));
        assert!(!after(&[lost]));
    }

    #[test]
    fn time_and_the_providers_wish_are_kept() {
        let ask = |retry_after_ms: u64| {
            after(move |_, failed| failed.error.as_mut().unwrap().retry_after_ms = Some(retry_after_ms))
        };
        assert_eq!(ask(1_500), Some(1_500));
        assert_eq!(ask(2_001), None);
        let left = |ms: i64| after(move |routed, _| routed.task.constraints.deadline = Some(start().plus_millis(ms)));
        assert!(left(1_200).is_some(), "the pause and the 700 ms that the model is expected to take");
        assert_eq!(left(800), None);
    }

    #[test]
    fn callers_that_failed_together_come_back_apart() {
        let pauses: std::collections::BTreeSet<u64> = (0..200).filter_map(|_| class(ErrorClass::Overload)).collect();
        assert!(pauses.len() > 30, "{pauses:?}");
    }
}
