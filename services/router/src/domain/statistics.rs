//! What is known of the models from what they did.

use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    names::TaskType,
};
use std::collections::BTreeMap;

/// Failures in a row that open a circuit.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long a circuit stays open after failures in a row.
pub const OPEN_MS: i64 = 15_000;
/// How long a model without a working credential is left alone.
pub const CREDENTIAL_OPEN_MS: i64 = 60_000;
/// How long a rate-limited model is left alone when it does not say.
pub const RATE_LIMIT_OPEN_MS: i64 = 1_000;
/// Longest time a provider's Retry-After is believed.
pub const RETRY_AFTER_LIMIT_MS: i64 = 600_000;

/// A snapshot of all models' statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// When it was read; never means that only priors are known.
    pub read_at: Option<Timestamp>,
    /// By model.
    pub models: BTreeMap<String, ModelStatistics>,
}

/// What is known of one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelStatistics {
    /// Decayed count of calls that succeeded.
    pub successes: f64,
    /// Decayed count of calls that failed.
    pub failures: f64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// It gets no traffic before this time.
    pub open_until: Option<Timestamp>,
    /// Why.
    pub open_because: String,
    /// Moving average of the latency of calls that succeeded.
    pub latency_ms: Option<f64>,
    /// Moving average of output tokens by kind of work.
    pub output_tokens: BTreeMap<TaskType, f64>,
}

impl Statistics {
    /// What is known of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&ModelStatistics> {
        self.models.get(model)
    }

    /// Takes in a failure before the shared statistics have it.
    pub fn take_failure(&mut self, attempt: &Attempt, now: Timestamp) {
        let Some(error) = &attempt.error else { return };
        let model = self.models.entry(attempt.model.clone()).or_default();
        model.failures += 1.0;
        model.failures_in_a_row += u32::from(counts_against_model(error.class));
        if let Some((until, because)) = opens_until(error.class, error.retry_after_ms, model.failures_in_a_row, now) {
            model.open_until = model.open_until.max(Some(until));
            model.open_because = because;
        }
    }

    /// This snapshot, with circuits that `known` has open for longer.
    #[must_use]
    pub fn keeping_circuits_of(mut self, known: &Self) -> Self {
        for (name, before) in known.models.iter().filter(|(_, before)| before.open_until.is_some()) {
            let model = self.models.entry(name.clone()).or_default();
            if model.open_until < before.open_until && model.failures_in_a_row >= before.failures_in_a_row.min(1) {
                model.open_until = before.open_until;
                model.open_because.clone_from(&before.open_because);
            }
        }
        self
    }
}

impl ModelStatistics {
    /// Probability that a call succeeds, with a prior of 19 successes in 20 calls.
    #[must_use]
    pub fn success(&self) -> f64 {
        (self.successes + 19.0) / (self.successes + self.failures + 20.0)
    }
}

/// Whether a failure says something about the model rather than about the request.
#[must_use]
pub fn counts_against_model(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Timeout | ErrorClass::Overload | ErrorClass::Network | ErrorClass::Malformed)
}

/// Until when a failure keeps traffic away from the model, and why.
#[must_use]
pub fn opens_until(class: ErrorClass, retry_after_ms: Option<u64>, failures_in_a_row: u32, now: Timestamp) -> Option<(Timestamp, String)> {
    let asked = retry_after_ms.map(|millis| i64::try_from(millis).unwrap_or(i64::MAX).min(RETRY_AFTER_LIMIT_MS));
    match class {
        ErrorClass::RateLimit => {
            let millis = asked.unwrap_or(RATE_LIMIT_OPEN_MS);
            Some((now.plus_millis(millis), format!("rate limited, asks for {millis} ms")))
        }
        ErrorClass::Quota => Some((now.plus_millis(asked.unwrap_or(CREDENTIAL_OPEN_MS)), "its account is out of credit".into())),
        ErrorClass::Auth => Some((now.plus_millis(CREDENTIAL_OPEN_MS), "its credential is refused".into())),
        _ if counts_against_model(class) && failures_in_a_row >= FAILURES_TO_OPEN => {
            Some((now.plus_millis(asked.unwrap_or(OPEN_MS).max(OPEN_MS)), format!("{failures_in_a_row} failures in a row")))
        }
        _ => asked.map(|millis| (now.plus_millis(millis), format!("asks for {millis} ms"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap().plus_millis(millis)
    }

    #[test]
    fn circuits_open_for_as_long_as_the_failure_deserves() {
        for (class, retry_after, row, wanted) in [
            (ErrorClass::RateLimit, Some(2_000), 0, Some(2_000)),
            (ErrorClass::RateLimit, None, 0, Some(RATE_LIMIT_OPEN_MS)),
            (ErrorClass::RateLimit, Some(u64::MAX), 0, Some(RETRY_AFTER_LIMIT_MS)),
            (ErrorClass::Auth, None, 0, Some(CREDENTIAL_OPEN_MS)),
            (ErrorClass::Overload, None, 4, None),
            (ErrorClass::Overload, None, 5, Some(OPEN_MS)),
            (ErrorClass::Overload, Some(500), 1, Some(500)),
            (ErrorClass::BadRequest, None, 9, None),
        ] {
            let found = opens_until(class, retry_after, row, at(0)).map(|(until, _)| until);
            assert_eq!(found, wanted.map(at), "{class:?} {retry_after:?} {row}");
        }
    }
}
