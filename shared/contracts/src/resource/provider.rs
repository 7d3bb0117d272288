//! How models are spoken to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a model is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// OpenAI Chat Completions, and every server that speaks it: `<endpoint>/chat/completions`.
    Openai,
    /// OpenAI Responses, and every server that speaks it: `<endpoint>/responses`. Nothing is stored there.
    OpenaiResponses,
    /// Azure OpenAI: `<endpoint>/openai/deployments/<upstreamModel>/chat/completions`.
    Azure,
    /// Anthropic Messages: `<endpoint>/messages`.
    Anthropic,
    /// Google Gemini: `<endpoint>/models/<upstreamModel>:generateContent`.
    Gemini,
    /// AWS Bedrock Converse: `<endpoint>/model/<upstreamModel>/converse`. A `credentialEnv` that ends in
    /// `SECRET_ACCESS_KEY` signs, with the `ACCESS_KEY_ID` and `SESSION_TOKEN` beside it; any other
    /// is a Bedrock API key.
    Bedrock,
}

/// How a model is told how much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    /// By a number of tokens.
    Budget,
    /// By a word.
    Effort,
}

impl Provider {
    /// Every one, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Openai, Self::OpenaiResponses, Self::Azure, Self::Anthropic, Self::Gemini, Self::Bedrock];

    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::OpenaiResponses => "openai_responses",
            Self::Azure => "azure",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
        }
    }
}

/// Headers that a resource may not set: the first two carry the credential, which is bound to its
/// host; the others are the connection's own.
const RESERVED: &[&str] =
    &["authorization", "proxy-authorization", "host", "content-length", "transfer-encoding", "connection"];

/// Checks names and values of further headers.
pub(super) fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(format!("headers: {name:?} is no header name; use letters, digits and -"));
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(format!("headers.{name} cannot be set here; a credential belongs into credentialEnv"));
        }
        if value.chars().any(char::is_control) {
            return Err(format!("headers.{name} holds control characters; remove them"));
        }
    }
    Ok(())
}
