//! When a task that only met rate limits comes back.

use super::step::End;
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
};

/// A provider that does not say for how long it refuses is left alone for this long.
const UNTOLD_MS: u64 = 1_000;

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

/// When the model has room again that refused for its rate limit; nothing for any other failure.
fn room_at(attempt: &Attempt) -> Option<Timestamp> {
    let error = attempt.error.as_ref().filter(|error| error.class == ErrorClass::RateLimit)?;
    let spent = attempt.limits.iter().flat_map(|limits| limits.windows()).filter(|window| window.remaining == 0);
    let reset = spent.map(|window| window.resets_at).max();
    let latency_ms = i64::try_from(attempt.latency_us / 1_000).unwrap_or(0);
    let after =
        |ms: u64| attempt.started_at.plus_millis(latency_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
    Some(error.retry_after_ms.map(after).or(reset).unwrap_or_else(|| after(UNTOLD_MS)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::samples::attempt;
    use neptune_contracts::limits::{RateLimits, RateWindow};

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
}
