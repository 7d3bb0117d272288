//! When a task comes back that only met rate limits, or failures that pass.

use super::step::End;
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    plan::Plan,
};

/// A provider that does not say for how long it refuses is left alone for this long.
const UNTOLD_MS: u64 = 1_000;
/// So many calls that failed are enough; a task that met them ends.
const MOST_FAILURES: usize = 6;
/// The rest after failures that pass; twice as long each time.
const REST_MS: u64 = 500;
/// And so often at most.
const DOUBLINGS: u32 = 3;
/// Nobody rests longer for models that failed.
const LONGEST_REST_MS: u64 = 5_000;
/// So many are enough where those that were called will fail again, and others were left alone for a while.
const MOST_BEFORE_OTHERS: usize = 4;

/// Milliseconds from `now` until one of the models that were called has room again; nothing when the
/// task did not end because all of them were at their limits.
#[must_use]
pub fn wait_ms(end: End, made: &[Attempt], now: Timestamp) -> Option<u64> {
    if end != End::Exhausted {
        return None;
    }
    // How a lost call went nobody knows.
    let limited: Option<Vec<Timestamp>> = made.iter().filter(|attempt| !attempt.is_lost()).map(room_at).collect();
    Some(limited?.into_iter().min()?.micros_since(now).div_ceil(1_000))
}

/// What a task has behind it that was put off before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// How often it was put off.
    pub times: u32,
    /// Its calls that failed, rate limits aside.
    pub failures: usize,
}

impl Before {
    /// Of a task that was put off so often and made these calls before.
    #[must_use]
    pub fn of(times: u32, attempts: &[Attempt]) -> Self {
        Self { times, failures: failures(attempts) }
    }
}

/// Milliseconds from `now` until it is worth while to route the task anew, whose calls since it came back last
/// were `made`: some failed in a way that passes, or models were left alone that come back soon. Nothing where no
/// further call would help, or there were enough. `plan` says whom the caller asked for: a model that is named is
/// called once.
#[must_use]
pub fn rest_ms(end: End, made: &[Attempt], plan: &Plan, before: Before, now: Timestamp) -> Option<u64> {
    let all_failed = !made.is_empty() && made.iter().all(|attempt| attempt.error.is_some());
    let failures = before.failures + failures(made);
    if end != End::Exhausted || !all_failed || failures >= MOST_FAILURES || is_named(plan) || made.iter().any(is_wrong)
    {
        return None;
    }
    let rest_ms = REST_MS << before.times.min(DOUBLINGS);
    let again = made.iter().filter_map(|attempt| again_at(attempt, rest_ms)).min();
    let others = || (failures < MOST_BEFORE_OTHERS && leaves_some_alone(plan)).then_some(rest_ms);
    let for_ms = again.map(|again| again.micros_since(now).div_ceil(1_000)).or_else(others)?;
    (for_ms <= LONGEST_REST_MS).then_some(for_ms)
}

/// Calls that failed, rate limits and those aside whose end nobody knows.
fn failures(attempts: &[Attempt]) -> usize {
    let is_failure = |attempt: &&Attempt| {
        !attempt.is_lost() && attempt.error.as_ref().is_some_and(|error| error.class != ErrorClass::RateLimit)
    };
    attempts.iter().filter(is_failure).count()
}

/// The request is wrong, whichever model gets it.
fn is_wrong(attempt: &Attempt) -> bool {
    attempt.error.as_ref().is_some_and(|error| error.class == ErrorClass::BadRequest)
}

/// Whether the caller asked for this very model.
fn is_named(plan: &Plan) -> bool {
    let route = plan.explanation.route.as_str();
    let is_it = |model: &str| model == route || model.split_once('/').is_some_and(|(_, bare)| bare == route);
    !plan.attempts.is_empty() && plan.attempts.iter().all(|planned| is_it(&planned.model))
}

/// Whether a model was passed over that gets traffic again after a while.
fn leaves_some_alone(plan: &Plan) -> bool {
    plan.explanation.removed.iter().any(|removed| matches!(removed.by.as_str(), "circuit" | "rate" | "executor"))
}

/// When a model that failed like this may answer; nothing when it would fail again. One that took all its time
/// is not waited for again.
fn again_at(attempt: &Attempt, rest_ms: u64) -> Option<Timestamp> {
    let error = attempt.error.as_ref()?;
    match error.class {
        ErrorClass::RateLimit => room_at(attempt),
        ErrorClass::Overload | ErrorClass::Malformed | ErrorClass::Network => {
            Some(after(attempt, error.retry_after_ms.unwrap_or(0).max(rest_ms)))
        }
        _ => None,
    }
}

/// So long after the attempt ended.
fn after(attempt: &Attempt, ms: u64) -> Timestamp {
    let latency_ms = i64::try_from(attempt.latency_us / 1_000).unwrap_or(0);
    attempt.started_at.plus_millis(latency_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
}

/// When the model has room again that refused for its rate limit; nothing for any other failure.
fn room_at(attempt: &Attempt) -> Option<Timestamp> {
    let error = attempt.error.as_ref().filter(|error| error.class == ErrorClass::RateLimit)?;
    let spent = attempt.limits.iter().flat_map(|limits| limits.windows()).filter(|window| window.remaining == 0);
    let reset = spent.map(|window| window.resets_at).max();
    Some(error.retry_after_ms.map(|ms| after(attempt, ms)).or(reset).unwrap_or_else(|| after(attempt, UNTOLD_MS)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::samples::{attempt, routed, start};
    use neptune_contracts::{
        limits::{RateLimits, RateWindow},
        plan::Removed,
    };

    fn limited(model: &str, retry_after_ms: Option<u64>, reset_in_ms: Option<i64>) -> Attempt {
        let mut attempt = attempt(model, Some(ErrorClass::RateLimit), "0");
        attempt.latency_us = 0;
        attempt.error.as_mut().unwrap().retry_after_ms = retry_after_ms;
        attempt.limits = reset_in_ms.map(|ms| {
            let resets_at = attempt.started_at.plus_millis(ms);
            let requests = Some(RateWindow { limit: None, remaining: 0, resets_at });
            Box::new(RateLimits { requests, ..RateLimits::default() })
        });
        attempt
    }

    #[test]
    fn the_first_model_with_room_again_decides() {
        let made =
            [limited("a", Some(9_000), Some(1)), limited("b", None, Some(4_000)), limited("c", Some(5_000), None)];
        let now = made[0].started_at.plus_millis(500);
        assert_eq!(wait_ms(End::Exhausted, &made, now), Some(3_500));
        assert_eq!(wait_ms(End::Exhausted, &made[..1], now), Some(8_500));
        assert_eq!(wait_ms(End::Exhausted, &[limited("d", None, None)], now), Some(500));
        assert_eq!(wait_ms(End::Exhausted, &made, now.plus_millis(60_000)), Some(0));
    }

    #[test]
    fn whoever_met_anything_else_does_not_wait() {
        let other = attempt("b", Some(ErrorClass::Overload), "0");
        let now = other.started_at;
        assert_eq!(wait_ms(End::Exhausted, &[limited("a", None, None), other], now), None);
        assert_eq!(wait_ms(End::Expired, &[limited("a", None, None)], now), None);
        assert_eq!(wait_ms(End::Exhausted, &[], now), None);
    }

    fn failed(class: ErrorClass, retry_after_ms: Option<u64>) -> Attempt {
        let mut attempt = attempt("a", Some(class), "0");
        attempt.latency_us = 0;
        attempt.error.as_mut().unwrap().retry_after_ms = retry_after_ms;
        attempt
    }

    fn rest(made: &[Attempt], times: u32, failures: usize) -> Option<u64> {
        rest_ms(End::Exhausted, made, &routed().plan, Before { times, failures }, start())
    }

    #[test]
    fn failures_that_pass_are_rested_from_twice_as_long_each_time_and_as_long_as_is_asked() {
        use ErrorClass::{Auth, ContextLength, Malformed, Network, Overload, Quota, RateLimit, Refusal, Timeout};
        for class in [Overload, Malformed, Network] {
            let made = [failed(ContextLength, None), failed(class, None)];
            let rests: Vec<_> = (0..5).map(|times| rest(&made, times, 0)).collect();
            assert_eq!(rests, [Some(500), Some(1_000), Some(2_000), Some(4_000), Some(4_000)], "{class}");
        }
        assert_eq!(rest(&[failed(Overload, Some(1_500)), failed(RateLimit, Some(9_000))], 0, 0), Some(1_500));
        assert_eq!(rest(&[failed(Overload, Some(9_000)), failed(RateLimit, Some(200))], 0, 0), Some(200));
        assert_eq!(rest(&[failed(Overload, Some(9_000))], 0, 0), None, "the caller is told to come back");
        for class in [Auth, ContextLength, Quota, Refusal, Timeout] {
            assert_eq!(rest(&[failed(class, None)], 0, 0), None, "{class}");
        }
    }

    #[test]
    fn enough_is_enough() {
        let overload = failed(ErrorClass::Overload, None);
        assert_eq!(rest(&[overload.clone(), overload.clone()], 1, 3), Some(1_000));
        assert_eq!(rest(&[overload.clone(), overload.clone()], 1, 4), None);
        let all = [overload.clone(), failed(ErrorClass::RateLimit, None), failed(ErrorClass::Refusal, None)];
        assert_eq!(Before::of(3, &all).failures, 2, "rate limits are waited for as often as it takes");
        assert_eq!(rest(&[overload.clone(), attempt("b", None, "0")], 0, 0), None, "an answer that will not do");
        assert_eq!(rest(&[overload.clone(), failed(ErrorClass::BadRequest, None)], 0, 0), None);
        assert_eq!(rest(&[], 0, 0), None);
        let expired = rest_ms(End::Expired, &[overload], &routed().plan, Before::default(), start());
        assert_eq!(expired, None);
    }

    #[test]
    fn a_model_that_is_named_is_called_once_and_models_that_come_back_are_waited_for() {
        let check = |change: fn(&mut Plan), class: ErrorClass, failures: usize, wanted: Option<u64>| {
            let mut plan = routed().plan;
            change(&mut plan);
            let before = Before { times: 0, failures };
            assert_eq!(
                rest_ms(End::Exhausted, &[failed(class, None)], &plan, before, start()),
                wanted,
                "{class} {failures}"
            );
        };
        let named = |plan: &mut Plan| {
            plan.attempts.truncate(1);
            plan.attempts[0].model = "acme/large".into();
            plan.explanation.route = "large".into();
        };
        check(named, ErrorClass::Overload, 0, None);
        let thinned = |plan: &mut Plan| {
            let removed = Removed { model: "d".into(), by: "circuit".into(), reason: "it is open".into() };
            plan.explanation.removed.push(removed);
        };
        check(thinned, ErrorClass::ContextLength, 0, Some(500));
        check(thinned, ErrorClass::ContextLength, 2, Some(500));
        check(thinned, ErrorClass::ContextLength, 3, None);
    }
}
