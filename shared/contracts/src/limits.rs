//! What a provider says about its rate limits in the headers of an answer or a refusal.

use crate::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was left of a provider's limits when it answered; each limit that it named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimits {
    /// Requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RateWindow>,
    /// Tokens, of input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<RateWindow>,
    /// Tokens of input, where they are counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<RateWindow>,
    /// Tokens of output, where they are counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<RateWindow>,
}

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateWindow {
    /// The whole limit, when the provider said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What is left of it until the reset.
    pub remaining: u64,
    /// When it is whole again.
    pub resets_at: Timestamp,
}

impl RateLimits {
    /// Whether no limit was named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows().next().is_none()
    }

    /// The limits that were named.
    pub fn windows(&self) -> impl Iterator<Item = RateWindow> {
        [self.requests, self.tokens, self.input_tokens, self.output_tokens].into_iter().flatten()
    }

    /// When all that was said has lost its meaning.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        self.windows().map(|window| window.resets_at).max()
    }
}
