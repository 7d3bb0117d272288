//! Circuit breakers: a model that fails gets no traffic for a while, then single tasks that try it,
//! then all of it again once one is answered.
//!
//! The same rules run in Redis, for all replicas (`statistics/observe.lua`), and in the process,
//! at once; a test holds the two against each other.

use neptune_contracts::attempt::{Attempt, ErrorClass};
use serde::{Deserialize, Serialize};

/// So many failures in a row open the circuit, unless an answer becomes known within [`GRACE_MS`].
pub const FAILURES_TO_OPEN: u32 = 5;
/// Failures are told at once, answers when their tasks have ended: of many calls at once those that fail are heard of
/// first, and say nothing about the others yet.
pub const GRACE_MS: i64 = 250;
/// The first pause; it doubles with each further one until an answer.
pub const FIRST_PAUSE_MS: i64 = 5_000;
/// The longest pause that Neptune chooses by itself.
pub const LONGEST_PAUSE_MS: i64 = 60_000;
/// A credential that is refused, or out of credit, is not mended in a moment.
const CREDENTIAL_PAUSE_MS: i64 = 60_000;
/// A provider's Retry-After beyond this is not taken at its word.
const LONGEST_RETRY_AFTER_MS: u64 = 600_000;
/// A rate-limited model that does not say for how long is left alone for this long.
const RATE_LIMIT_PAUSE_MS: i64 = 1_000;
/// A model whose pause is over is tried this often by each replica until an answer is heard of. A call
/// that hangs is heard of only when it ends, and until then others would follow it.
pub const TRIAL_EVERY_MS: i64 = 5_000;

/// What an attempt says about its model's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The model answered.
    Answered,
    /// It failed, and asks, or is made, to be left alone for the pause.
    Failed {
        /// How.
        class: ErrorClass,
        /// How long, in milliseconds.
        pause_ms: Option<i64>,
    },
    /// The failure was the task's own.
    Unrelated,
}

/// What `attempt` says about its model's health.
#[must_use]
pub fn health(attempt: &Attempt) -> Health {
    let Some(error) = &attempt.error else { return Health::Answered };
    let asked =
        error.retry_after_ms.map(|ms| i64::try_from(ms.min(LONGEST_RETRY_AFTER_MS)).unwrap_or(LONGEST_PAUSE_MS));
    let asked = asked.filter(|ms| *ms > 0);
    let pause_ms = match error.class {
        // Whoever sends such requests must not be able to take a model from everybody else.
        ErrorClass::ContextLength | ErrorClass::Refusal | ErrorClass::BadRequest | ErrorClass::Unsupported
        // Called off before it could be seen how it ends.
        | ErrorClass::Cancelled => {
            return Health::Unrelated;
        }
        ErrorClass::Auth | ErrorClass::Quota => Some(asked.unwrap_or(0).max(CREDENTIAL_PAUSE_MS)),
        ErrorClass::RateLimit => asked.or(Some(RATE_LIMIT_PAUSE_MS)),
        ErrorClass::Timeout | ErrorClass::Overload | ErrorClass::Malformed | ErrorClass::Network => asked,
    };
    Health::Failed { class: error.class, pause_ms }
}

/// A model's circuit. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circuit {
    /// Failures since the last success, those during a pause not counted.
    pub consecutive: u32,
    /// The first of them.
    pub failing_since_ms: i64,
    /// Pauses since the last success that nobody asked for.
    pub pauses: u32,
    /// It is open from then on.
    pub open_from_ms: i64,
    /// It is open until then.
    pub open_until_ms: i64,
    /// The newest failure.
    pub failed_at_ms: i64,
    /// The newest success that counted.
    pub succeeded_at_ms: i64,
    /// How it failed last.
    pub cause: Option<ErrorClass>,
}

/// How a circuit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The model gets traffic.
    Closed,
    /// It gets none.
    Open {
        /// For this long, in milliseconds.
        for_ms: u64,
    },
    /// Its pause is over and nobody has heard an answer since: single tasks try it. A pause that the model asked for
    /// does not lead here.
    Recovering,
}

impl Circuit {
    /// Takes in a failure.
    pub fn failed(&mut self, at_ms: i64, class: ErrorClass, pause_ms: Option<i64>) {
        self.failed_at_ms = self.failed_at_ms.max(at_ms);
        let is_about_to_open = at_ms < self.open_from_ms;
        let is_open = !is_about_to_open && at_ms < self.open_until_ms;
        let is_outdated = at_ms <= self.succeeded_at_ms;
        // Calls that were under way when it opened, or failed before it recovered, say nothing new.
        if (is_open || is_outdated) && pause_ms.is_none() {
            return;
        }
        if !is_open && !is_outdated {
            self.failing_since_ms = if self.consecutive == 0 { at_ms } else { self.failing_since_ms.min(at_ms) };
            self.consecutive += 1;
        }
        self.cause = Some(class);
        if let Some(pause_ms) = pause_ms {
            self.open(at_ms, at_ms + pause_ms);
        } else if self.consecutive >= FAILURES_TO_OPEN && !is_about_to_open {
            let grace_ms = if self.pauses == 0 { GRACE_MS } else { 0 };
            self.pauses += 1;
            self.open(at_ms + grace_ms, at_ms + pause(self.pauses));
        }
    }

    fn open(&mut self, from_ms: i64, until_ms: i64) {
        let is_open = from_ms < self.open_until_ms;
        self.open_from_ms = if is_open { self.open_from_ms.min(from_ms) } else { from_ms };
        self.open_until_ms = self.open_until_ms.max(until_ms);
    }

    /// Takes in a success. One during a pause began before it and closes nothing. Of one that is heard of late, after
    /// failures that came after it, those before it are past.
    pub fn answered(&mut self, at_ms: i64) {
        let is_open = self.open_from_ms <= at_ms && at_ms < self.open_until_ms;
        if is_open || at_ms <= self.succeeded_at_ms.max(self.failing_since_ms) {
            return;
        }
        let is_newest = at_ms > self.failed_at_ms;
        *self = Self {
            consecutive: u32::from(!is_newest),
            failing_since_ms: if is_newest { 0 } else { at_ms },
            failed_at_ms: self.failed_at_ms,
            succeeded_at_ms: at_ms,
            cause: self.cause.filter(|_| !is_newest),
            ..Self::default()
        };
    }

    /// How it stands at `now_ms`.
    #[must_use]
    pub fn state(&self, now_ms: i64) -> State {
        if now_ms < self.open_from_ms {
            State::Closed
        } else if now_ms < self.open_until_ms {
            State::Open { for_ms: self.open_until_ms.abs_diff(now_ms) }
        } else if self.open_until_ms > 0 && self.is_suspect() {
            State::Recovering
        } else {
            State::Closed
        }
    }

    /// Whether it has to prove itself when its pause is over. A model that itself said for how long to leave it alone
    /// is taken at its word, unless it goes on failing.
    fn is_suspect(&self) -> bool {
        self.consecutive >= FAILURES_TO_OPEN || matches!(self.cause, Some(ErrorClass::Auth | ErrorClass::Quota))
    }

    /// What two accounts of the same model say together: the newer success wins, else the worse.
    #[must_use]
    pub fn together(mut self, mut other: Self) -> Self {
        if other.succeeded_at_ms > self.failed_at_ms {
            return other;
        }
        if self.succeeded_at_ms > other.failed_at_ms {
            return self;
        }
        self.answered(other.succeeded_at_ms);
        other.answered(self.succeeded_at_ms);
        if self.open_until_ms >= other.open_until_ms { self } else { other }
    }
}

fn pause(number: u32) -> i64 {
    let doublings = number.saturating_sub(1).min(8);
    (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS)
}

#[cfg(test)]
mod tests;
