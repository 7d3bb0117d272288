//! Anthropic's answer in OpenAI's words.

use crate::domain::{
    answer::Answer,
    failure::Failure,
    wire::{
        completion::{Call, Choice, Completion, End},
        reading::{arguments, count, list, object, text},
    },
};
use neptune_contracts::{Timestamp, attempt::Usage};
use serde_json::Value;

pub(super) fn read(body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
    let body = object(body)?;
    let choices = if body.get("content").is_some_and(Value::is_array) { vec![choice(&body)] } else { Vec::new() };
    let id = body.get("id").and_then(Value::as_str);
    Completion { id, choices, usage: usage(body.get("usage")) }.into_answer(name, now)
}

fn choice(body: &Value) -> Choice {
    let mut choice = Choice { end: end(text(body, "/stop_reason")), ..Choice::default() };
    for block in list(body, "/content") {
        match text(block, "/type") {
            "text" => choice.text.push_str(text(block, "/text")),
            "tool_use" => choice.calls.push(Call {
                id: text(block, "/id").into(),
                name: text(block, "/name").into(),
                arguments: arguments(block.get("input")),
                signature: None,
            }),
            "thinking" => {
                choice.thoughts.push_str(text(block, "/thinking"));
                choice.thinking_blocks.push(block.clone());
            }
            "redacted_thinking" => choice.thinking_blocks.push(block.clone()),
            _ => {}
        }
    }
    choice
}

pub(super) fn end(stop_reason: &str) -> End {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => End::Length,
        "refusal" => End::Filtered,
        _ => End::Stop,
    }
}

/// Anthropic's input excludes what its cache read and wrote; its output includes thinking.
pub(super) fn usage(usage: Option<&Value>) -> Option<Usage> {
    let usage = usage?;
    let (input, output) = (count(usage, "/input_tokens")?, count(usage, "/output_tokens")?);
    let written = count(usage, "/cache_creation_input_tokens").unwrap_or(0);
    let for_an_hour = count(usage, "/cache_creation/ephemeral_1h_input_tokens").unwrap_or(0).min(written);
    let reasoning = count(usage, "/output_tokens_details/thinking_tokens").unwrap_or(0).min(output);
    Some(Usage {
        input_uncached: input,
        cache_read: count(usage, "/cache_read_input_tokens").unwrap_or(0),
        cache_write: written - for_an_hour,
        cache_write_hour: for_an_hour,
        output: output - reasoning,
        reasoning,
    })
}
