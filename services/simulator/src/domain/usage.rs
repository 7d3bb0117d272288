//! Tokens, estimated as providers' own rules of thumb do: four characters each.

use super::behaviour::Tokens;
use super::request::Request;

/// What the chat format itself costs per message.
const PER_MESSAGE: u64 = 4;
/// A small image.
const PER_IMAGE: u64 = 85;

/// Tokens of one call, in the OpenAI sense: cached ones are part of the prompt, reasoning is part of the completion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All prompt tokens.
    pub prompt: u64,
    /// Those of them read from the cache.
    pub cached: u64,
    /// Those of them written to the cache.
    pub written: u64,
    /// All completion tokens.
    pub completion: u64,
    /// Those of them spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Of a request and the tokens of its visible answers.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn new(request: &Request<'_>, answer_tokens: u64, tokens: &Tokens) -> Self {
        let texts: u64 = request.texts().map(of_text).sum();
        let messages = u64::try_from(request.messages.len()).unwrap_or(u64::MAX);
        let prompt = texts + messages * PER_MESSAGE + request.images() * PER_IMAGE;
        let cached = (prompt as f64 * tokens.cached_share).floor() as u64;
        let written = ((prompt as f64 * tokens.cache_write_share).floor() as u64).min(prompt - cached);
        Self { prompt, cached, written, completion: answer_tokens + tokens.reasoning, reasoning: tokens.reasoning }
    }
}

/// The tokens of a text.
pub fn of_text(text: &str) -> u64 {
    u64::try_from(text.chars().count().div_ceil(4)).unwrap_or(u64::MAX)
}
