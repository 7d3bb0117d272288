//! Bedrock's answer in OpenAI's words.

use crate::domain::{
    answer::Answer,
    failure::Failure,
    wire::{
        completion::{Call, Choice, Completion, End},
        reading::{arguments, count, list, object, text},
    },
};
use neptune_contracts::{Timestamp, attempt::Usage};
use serde_json::{Value, json};

pub(super) fn read(body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
    let body = object(body)?;
    let has_message = body.pointer("/output/message").is_some_and(Value::is_object);
    let choices = if has_message { vec![choice(&body)] } else { Vec::new() };
    Completion { id: None, choices, usage: usage(body.get("usage")) }.into_answer(name, now)
}

fn choice(body: &Value) -> Choice {
    let mut choice = Choice { end: end(text(body, "/stopReason")), ..Choice::default() };
    for block in list(body, "/output/message/content") {
        choice.text.push_str(text(block, "/text"));
        if let Some(called) = block.get("toolUse") {
            choice.calls.push(Call {
                id: text(called, "/toolUseId").into(),
                name: text(called, "/name").into(),
                arguments: arguments(called.get("input")),
                signature: None,
            });
        }
        if let Some(thought) = block.get("reasoningContent") {
            let words = text(thought, "/reasoningText/text");
            choice.thoughts.push_str(words);
            choice.thinking_blocks.push(match thought.get("redactedContent") {
                Some(data) => json!({"type": "redacted_thinking", "data": data}),
                None => json!({"type": "thinking", "thinking": words, "signature": text(thought, "/reasoningText/signature")}),
            });
        }
    }
    choice
}

pub(super) fn end(stop_reason: &str) -> End {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => End::Length,
        "guardrail_intervened" | "content_filtered" => End::Filtered,
        "malformed_model_output" | "malformed_tool_use" => End::Malformed,
        _ => End::Stop,
    }
}

/// Bedrock's input excludes what its cache read and wrote; it does not count reasoning apart.
pub(super) fn usage(usage: Option<&Value>) -> Option<Usage> {
    let usage = usage?;
    let written = count(usage, "/cacheWriteInputTokens").unwrap_or(0);
    let for_an_hour = list(usage, "/cacheDetails").iter().filter(|detail| text(detail, "/ttl") == "1h");
    let for_an_hour: u64 = for_an_hour.filter_map(|detail| count(detail, "/inputTokens")).sum();
    let for_an_hour = for_an_hour.min(written);
    Some(Usage {
        input_uncached: count(usage, "/inputTokens")?,
        cache_read: count(usage, "/cacheReadInputTokens").unwrap_or(0),
        cache_write: written - for_an_hour,
        cache_write_hour: for_an_hour,
        output: count(usage, "/outputTokens")?,
        reasoning: 0,
    })
}
