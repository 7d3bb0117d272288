//! How fast a model is expected to be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How fast a model is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SpeedSpec {
    /// To the first token.
    pub first_token_ms: u64,
    /// After it.
    pub tokens_per_second: f64,
}

impl Default for SpeedSpec {
    fn default() -> Self {
        Self { first_token_ms: 600, tokens_per_second: 60.0 }
    }
}
