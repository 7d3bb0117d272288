//! The wire formats of providers, read and written apart from the executor's own translation, so that the two can be
//! held against each other.
//!
//! Each request is turned into OpenAI's shape, from which everything else follows; each answer and error is written in
//! the provider's own. What the real provider refuses for its shape is refused here too, as far as the documented
//! fields go.

mod anthropic;
mod bedrock;
mod error;
mod gemini;
mod responses;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use super::usage::Usage;
pub use error::Wrong;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAi,
    /// The same at Azure.
    Azure,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google's `generateContent`.
    Gemini,
    /// AWS Bedrock Converse.
    Bedrock,
}

/// What an answer is written from.
pub struct Reply<'a> {
    /// Counts calls.
    pub number: u64,
    /// Equal for equal requests.
    pub digest: u64,
    /// When the call began.
    pub created_unix_s: u64,
    /// The model.
    pub model: &'a str,
    /// The answers; one unless several were asked for.
    pub answers: &'a [Answer],
    /// The tokens.
    pub usage: &'a Usage,
}

impl Dialect {
    /// The request in OpenAI's shape, for `model` when the path names it; nothing when it has that shape already.
    ///
    /// # Errors
    /// What the provider would refuse, in words.
    pub fn read(self, model: Option<&str>, body: &[u8]) -> Result<Option<Value>, String> {
        if matches!(self, Self::OpenAi | Self::Azure) {
            return Ok(None);
        }
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("The body is not JSON: {error}"))?;
        let model = model.unwrap_or_default();
        match self {
            Self::Gemini => gemini::read(model, &body),
            Self::Bedrock => bedrock::read(model, &body),
            Self::Responses => responses::read(&body),
            _ => anthropic::read(&body),
        }
        .map(Some)
    }

    /// The body of a success; nothing for those that have OpenAI's shape.
    pub fn write(self, reply: &Reply<'_>) -> Option<Value> {
        match self {
            Self::OpenAi | Self::Azure => None,
            Self::Responses => Some(responses::write(reply)),
            Self::Anthropic => Some(anthropic::write(reply)),
            Self::Gemini => Some(gemini::write(reply)),
            Self::Bedrock => Some(bedrock::write(reply)),
        }
    }

    /// The body of a success in pieces, ready to be sent; nothing for those that have OpenAI's shape.
    pub fn pieces(self, reply: &Reply<'_>) -> Option<Vec<Bytes>> {
        match self {
            Self::OpenAi | Self::Azure => None,
            Self::Responses => Some(responses::pieces(reply)),
            Self::Anthropic => Some(anthropic::pieces(reply)),
            Self::Gemini => Some(gemini::pieces(reply)),
            Self::Bedrock => Some(bedrock::pieces(reply)),
        }
    }

    /// The media type of a body in pieces.
    pub const fn stream_type(self) -> &'static str {
        match self {
            Self::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream; charset=utf-8",
        }
    }

    /// A piece that nobody can read.
    pub const fn broken_piece(self) -> &'static [u8] {
        match self {
            Self::Bedrock => &[0; 16],
            _ => b"data: {\"choices\": [{\"delta\"\n\n",
        }
    }

    /// How a filter that stopped the request is said inside a success; nothing where it is an error.
    pub fn filtered(self) -> Option<Value> {
        match self {
            Self::OpenAi | Self::Azure | Self::Responses => None,
            Self::Anthropic => Some(json!({
                "id": "msg_filtered", "type": "message", "role": "assistant", "model": "", "content": [],
                "stop_reason": "refusal", "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0},
            })),
            Self::Gemini => Some(json!({
                "promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 0},
            })),
            Self::Bedrock => Some(json!({
                "output": {"message": {"role": "assistant", "content": []}}, "stopReason": "content_filtered",
                "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, "metrics": {"latencyMs": 1},
            })),
        }
    }

    /// The tokens as this format can say them: Gemini and OpenAI Responses count no writes to a cache.
    pub fn countable(self, usage: Usage) -> Usage {
        if matches!(self, Self::Gemini | Self::Responses) { Usage { written: 0, ..usage } } else { usage }
    }
}

/// Characters of a token, as tokens are counted here.
const TOKEN_CHARACTERS: usize = 4;

/// A text token by token.
pub fn tokens_of(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(TOKEN_CHARACTERS).map(|part| part.iter().collect()).collect()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Refuses fields that the provider does not know.
fn only(value: &Value, place: &str, known: &[&str]) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{place} must be an object."))?;
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(format!("{place}.{field}: Extra inputs are not permitted.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
