//! What was measured about models, as the router last read it.

use super::{circuit::Circuit, headroom::Headroom, quantile::Spread, speed::Speed, tail::Tail};
use neptune_contracts::names::TaskType;
use std::collections::HashMap;

/// Counts of success fade with this time constant, so that a bad hour is forgotten.
pub const SUCCESS_FADES_MS: f64 = 600_000.0;
/// Statistics older than this say nothing any more; priors are used.
pub const STALE_AFTER_MS: i64 = 600_000;
/// A model nothing is known about is taken to have answered this often.
const PRIOR_SUCCESSES: f64 = 19.0;
/// And to have failed this often.
const PRIOR_FAILURES: f64 = 1.0;

/// Everything measured, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// When it was read, in milliseconds since 1970; nothing before the first time.
    pub read_at_ms: Option<i64>,
    /// By model.
    pub models: HashMap<String, ModelStatistics>,
}

/// What was measured about one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelStatistics {
    /// Faded count of calls that were answered.
    pub successes: f64,
    /// Faded count of calls that failed.
    pub failures: f64,
    /// The moment the counts stand for, in milliseconds since 1970.
    pub counted_at_ms: i64,
    /// Its circuit, as all replicas see it.
    pub circuit: Circuit,
    /// What its provider said was left of its rate limits.
    pub headroom: Option<Headroom>,
    /// How long its answers took.
    pub tail: Tail,
    /// What its answers were like, by kind of work.
    pub by_type: HashMap<TaskType, AnswerStatistics>,
    /// Copies of tasks that it answered unseen, counted up to as many as a nursery can ask for.
    pub shadow_answers: u32,
}

/// What answers were like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerStatistics {
    /// How many were seen, held at the number that the means forget after.
    pub answers: f64,
    /// Mean latency in milliseconds.
    pub latency_ms: f64,
    /// Mean output tokens.
    pub output_tokens: f64,
    /// How far single answers stray from these means.
    pub spread: Spread,
    /// How fast those were that came piece by piece.
    pub speed: Speed,
}

impl Statistics {
    /// Their age at `now_ms`; nothing when they are too old to be used, or were never read.
    #[must_use]
    pub fn age_ms(&self, now_ms: i64) -> Option<u64> {
        let age_ms = now_ms.saturating_sub(self.read_at_ms?).max(0);
        (age_ms <= STALE_AFTER_MS).then_some(age_ms.unsigned_abs())
    }
}

impl ModelStatistics {
    /// The probability that a call is answered, from the faded counts and the prior.
    #[must_use]
    pub fn success(&self, now_ms: i64) -> f64 {
        self.success_without(0.0, now_ms)
    }

    /// The same without the failures in a row that opened the circuit: an outage that is over says
    /// little about the time after it, and a model judged by it would never be tried again.
    #[must_use]
    pub fn success_after_outage(&self, now_ms: i64) -> f64 {
        self.success_without(f64::from(self.circuit.consecutive), now_ms)
    }

    fn success_without(&self, forgiven: f64, now_ms: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a time span in milliseconds fits")]
        let elapsed_ms = now_ms.saturating_sub(self.counted_at_ms).max(0) as f64;
        let kept = (-elapsed_ms / SUCCESS_FADES_MS).exp();
        let (successes, failures) = (self.successes * kept, (self.failures - forgiven).max(0.0) * kept);
        (PRIOR_SUCCESSES + successes) / (PRIOR_SUCCESSES + PRIOR_FAILURES + successes + failures)
    }
}

/// The success of a model nothing is known about.
#[must_use]
pub fn prior_success() -> f64 {
    PRIOR_SUCCESSES / (PRIOR_SUCCESSES + PRIOR_FAILURES)
}
