//! Anthropic Messages: a request in their shape as a chat completion, and the answer back in theirs.
//!
//! What a chat completion cannot say is refused, so that nothing the caller asked for is lost unseen.

mod answer;
mod events;
mod request;

pub use answer::message;
pub use events::Writer;
pub use request::read;

use serde_json::Value;

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Why an answer ended, in Anthropic's words.
fn stop_reason(finish_reason: &str) -> &'static str {
    match finish_reason {
        "length" => "max_tokens",
        "tool_calls" | "function_call" => "tool_use",
        "content_filter" => "refusal",
        _ => "end_turn",
    }
}

#[cfg(test)]
mod tests;
