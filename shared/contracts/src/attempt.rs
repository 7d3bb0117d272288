//! Attempts: single calls to single models.

use crate::{
    Message, PicoUsd, Timestamp,
    ids::{AttemptId, TaskId},
    limits::RateLimits,
    names::{Service, Team, Zone},
    problem::Problem,
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One call to one model, as it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Minted before the call.
    pub id: AttemptId,
    /// The model.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// Where it runs.
    pub zone: Zone,
    /// When the call began.
    pub started_at: Timestamp,
    /// How long the call took.
    pub latency_us: u64,
    /// How long the first piece of a streamed answer took; absent when it came in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_us: Option<u64>,
    /// Pieces of a streamed answer that were passed on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chunks: u64,
    /// Why it failed; absent when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
    /// Tokens by class, as the provider counted them.
    #[serde(default)]
    pub usage: Usage,
    /// What it cost.
    pub cost_usd: PicoUsd,
    /// Whether usage or price had to be estimated.
    #[serde(default)]
    pub estimated: bool,
    /// What the request asked for and the provider cannot do, and what was done instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// What the provider said was left of its rate limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<RateLimits>>,
    /// Why it was made, unless it is just the next of its plan: `re_ask` when the model was told what
    /// was wrong with its answer, `retry` when the same call failed and no other model was left, `hedge` when it raced another, `member` of an ensemble, `judge` of one,
    /// `batch` when it was an item of a batch at its provider, `lost` when its executor died before it ended, whatever it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The verdict on its answer; absent when nothing was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// The verdict on an answer, by the checks of the task's `output`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Validation {
    /// Whether it is as it must be, repaired or not.
    pub passed: bool,
    /// Whether its JSON was broken, and could be repaired without asking again.
    #[serde(default)]
    pub repaired: bool,
    /// What is wrong with it, without its words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// An attempt that tells the model what was wrong with its answer.
pub const RE_ASK: &str = "re_ask";
/// An attempt that races another.
pub const HEDGE: &str = "hedge";
/// An attempt whose answer is combined with others.
pub const MEMBER: &str = "member";
/// An attempt that calls the same model again after it failed, because no other one was left.
pub const RETRY: &str = "retry";
/// An attempt that chooses between answers.
pub const JUDGE: &str = "judge";

/// An attempt that was an item of a batch at its provider; how long it took says nothing of the model's calls.
pub const BATCH: &str = "batch";

/// An attempt that had begun when its executor died; nobody knows how it ended. Its cost is estimated.
pub const LOST: &str = "lost";

/// Tokens in disjoint classes: each token is counted in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Input tokens not served from a cache.
    #[serde(default)]
    pub input_uncached: u64,
    /// Input tokens read from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Input tokens written to the provider's cache for its usual time.
    #[serde(default)]
    pub cache_write: u64,
    /// Input tokens written to the provider's cache for an hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_hour: u64,
    /// Output tokens that are not reasoning.
    #[serde(default)]
    pub output: u64,
    /// Reasoning tokens.
    #[serde(default)]
    pub reasoning: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptError {
    /// What kind of failure it is; decides what happens next.
    pub class: ErrorClass,
    /// The reason in words, without content of the task.
    pub message: String,
    /// The provider's HTTP status, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// When the provider asks to be left alone until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Kinds of failure of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Too many requests for now.
    RateLimit,
    /// The account has no credit left.
    Quota,
    /// The credential is not accepted.
    Auth,
    /// The input does not fit the model.
    ContextLength,
    /// The model declined the content.
    Refusal,
    /// The request is wrong, whichever model gets it.
    BadRequest,
    /// The provider does not know the model, or the model does not do what was asked; another may.
    Unsupported,
    /// No answer in time.
    Timeout,
    /// The provider failed.
    Overload,
    /// The answer cannot be read.
    Malformed,
    /// The connection failed.
    Network,
    /// It was called off, because another answer was there first. The provider may have billed it.
    Cancelled,
}

impl ErrorClass {
    /// As it stands in JSON, for messages to people too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Quota => "quota",
            Self::Auth => "auth",
            Self::ContextLength => "context_length",
            Self::Refusal => "refusal",
            Self::BadRequest => "bad_request",
            Self::Unsupported => "unsupported",
            Self::Timeout => "timeout",
            Self::Overload => "overload",
            Self::Malformed => "malformed",
            Self::Network => "network",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call failed. Published at once, so that circuit breakers react before the task ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptFailed {
    /// The task it was for.
    pub task: TaskId,
    /// Who asked.
    pub team: Team,
    /// The failed attempt; its error is set.
    pub attempt: Attempt,
}

impl Message for AttemptFailed {
    const SUBJECT: &'static str = "attempt.failed.v1.<model>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Router, Service::Metering];

    fn parameters(&self) -> Vec<String> {
        vec![model_token(&self.attempt.model)]
    }

    fn dedup_key(&self) -> String {
        self.attempt.id.to_string()
    }
}

/// A model's name as one token of a subject: `openai/gpt-4.1` becomes `openai_gpt-4_1`.
#[must_use]
pub fn model_token(model: &str) -> String {
    let token = |character: char| if character.is_ascii_alphanumeric() || character == '-' { character } else { '_' };
    model.chars().map(token).collect()
}

impl Attempt {
    /// Whether the model answered.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }

    /// Whether its executor died before it ended.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.purpose.as_deref() == Some(LOST)
    }

    /// Whether its answer is what the task asked for: it is there, it passed, and it is no judge's.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.succeeded()
            && self.validation.as_ref().is_none_or(|validation| validation.passed)
            && self.purpose.as_deref() != Some(JUDGE)
    }
}

impl Usage {
    /// All input tokens.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        self.input_uncached + self.cache_read + self.cache_write + self.cache_write_hour
    }

    /// All output tokens.
    #[must_use]
    pub fn output_total(&self) -> u64 {
        self.output + self.reasoning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_said_as_it_stands_in_json() {
        use ErrorClass::{
            Auth, BadRequest, Cancelled, ContextLength, Malformed, Network, Overload, Quota, RateLimit, Refusal,
            Timeout, Unsupported,
        };
        for class in [
            RateLimit,
            Quota,
            Auth,
            ContextLength,
            Refusal,
            BadRequest,
            Unsupported,
            Timeout,
            Overload,
            Malformed,
            Network,
            Cancelled,
        ] {
            assert_eq!(serde_json::json!(class), class.to_string());
        }
    }
}
