//! A call that brought no answer: what kind of failure it is, and who pays for it.

use super::room::Full;
use neptune_contracts::{
    attempt::{AttemptError, ErrorClass, Usage},
    limits::RateLimits,
};

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is recorded and told.
    pub error: AttemptError,
    /// What the provider charges for it.
    pub billed: Billed,
    /// Whether no call was made, because a limit of ours left no room for it.
    pub is_held_back: bool,
    /// What the provider said was left of its rate limits.
    pub limits: Option<Box<RateLimits>>,
}

/// What a provider charges for a call that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billed {
    /// Nothing: it refused the call, or was never reached.
    No,
    /// Unknown: it may have done the work, and its answer did not arrive or cannot be read.
    Perhaps,
    /// Unknown: it answered as far as these output tokens, counted by what arrived.
    UpTo(u64),
    /// These tokens, by its own count.
    Counted(Usage),
}

impl Failure {
    /// A failure that is not charged.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        let error = AttemptError { class, message: message.into(), http_status: None, retry_after_ms: None };
        Self { error, billed: Billed::No, is_held_back: false, limits: None }
    }

    /// A call that was called off because another answer was there first.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ErrorClass::Cancelled, "called off, another answer was there first").billed(Billed::Perhaps)
    }

    /// A call that was cut because its answer is not wanted any more, after `tokens` of it came.
    #[must_use]
    pub fn unwanted(tokens: u64) -> Self {
        Self::new(ErrorClass::Cancelled, "called off, the answer is not wanted any more").billed(Billed::UpTo(tokens))
    }

    /// A call whose executor died before it ended.
    #[must_use]
    pub fn lost() -> Self {
        let message = "its executor died before it ended; the provider may have answered and billed it";
        Self::new(ErrorClass::Cancelled, message).billed(Billed::Perhaps)
    }

    /// A call that was not made, because our limits leave no room for it for `for_ms`.
    #[must_use]
    pub fn held_back(full: Full, for_ms: u64) -> Self {
        let message = format!("not called: {}", full.reason());
        let mut failure = Self::new(ErrorClass::RateLimit, message);
        (failure.is_held_back, failure.error.retry_after_ms) = (true, Some(for_ms));
        failure
    }

    /// The same failure, charged as given.
    #[must_use]
    pub fn billed(self, billed: Billed) -> Self {
        Self { billed, ..self }
    }
}
