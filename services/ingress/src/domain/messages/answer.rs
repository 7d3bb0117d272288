//! An answer that is there as a whole.

use super::{stop_reason, text};
use serde_json::{Value, json};

/// A chat completion as a message.
#[must_use]
pub fn message(completion: &Value) -> Value {
    let empty = Value::Null;
    let said = completion.pointer("/choices/0/message").unwrap_or(&empty);
    let mut content = thoughts(said);
    for words in [text(said, "/content"), text(said, "/refusal")].into_iter().filter(|words| !words.is_empty()) {
        content.push(json!({"type": "text", "text": words}));
    }
    let calls = said.get("tool_calls").and_then(Value::as_array);
    content.extend(calls.into_iter().flatten().map(call));
    json!({
        "id": text(completion, "/id"),
        "type": "message",
        "role": "assistant",
        "model": text(completion, "/model"),
        "content": content,
        "stop_reason": stop_reason(text(completion, "/choices/0/finish_reason")),
        "stop_sequence": null,
        "usage": usage(completion.get("usage")),
    })
}

/// Thoughts as their provider wants them back; of others the words alone.
fn thoughts(said: &Value) -> Vec<Value> {
    if let Some(blocks) = said.get("thinking_blocks").and_then(Value::as_array) {
        return blocks.clone();
    }
    let words = text(said, "/reasoning_content");
    if words.is_empty() { Vec::new() } else { vec![json!({"type": "thinking", "thinking": words, "signature": ""})] }
}

fn call(call: &Value) -> Value {
    let input: Value = serde_json::from_str(text(call, "/function/arguments")).unwrap_or_else(|_| json!({}));
    json!({"type": "tool_use", "id": text(call, "/id"), "name": text(call, "/function/name"), "input": input})
}

/// What was counted: Anthropic's input excludes what a cache read and wrote.
pub(super) fn usage(usage: Option<&Value>) -> Value {
    let count = |pointer: &str| usage.and_then(|usage| usage.pointer(pointer)).and_then(Value::as_u64).unwrap_or(0);
    let read = count("/prompt_tokens_details/cached_tokens");
    let written = count("/prompt_tokens_details/cache_write_tokens");
    json!({
        "input_tokens": count("/prompt_tokens").saturating_sub(read).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": count("/completion_tokens"),
    })
}
