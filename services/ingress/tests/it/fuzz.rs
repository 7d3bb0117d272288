//! The bodies of `fuzz/`, for a moment, over changed samples.

#[path = "../../../../fuzz/bodies/ingress.rs"]
mod bodies;
#[path = "../../../../fuzz/bodies/changes.rs"]
mod changes;

use changes::Changes;
use serde_json::{Value, json};

/// Changed samples for each body; they are the same each time.
const COUNT: usize = 2_500;

fn samples(values: &[Value]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.to_string().into_bytes()).collect()
}

fn completion() -> Value {
    json!({
        "model": "auto:cheap", "temperature": 0.5, "max_tokens": 50, "n": 1, "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "7"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "tool_choice": "auto",
        "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": {"type": "object"}}},
        "metadata": {"a": "b"}, "logit_bias": {"1": 2},
    })
}

#[test]
fn any_completion_is_taken_or_told_what_is_wrong() {
    Changes::of(samples(&[completion()]), 1).run(COUNT, bodies::completions);
}

#[test]
fn any_task_is_taken_or_told_what_is_wrong() {
    let mut input = completion();
    input["stream"] = json!(false);
    input.as_object_mut().unwrap().remove("stream_options");
    let task = json!({
        "id": "0199f2aa-0000-7000-8000-000000000001", "input": input, "task_type": "summarization",
        "constraints": {"max_cost_usd": "0.05", "route": "auto:cheap", "models": ["m"], "min_quality": 0.5, "max_latency_ms": 900,
            "deadline": "2026-12-01T00:00:00Z", "lane": "batch", "cache": "near", "class": "internal"},
        "output": {"schema": {"type": "object"}, "pattern": "^a", "max_characters": 9, "one_of": ["a"]},
        "deliver": [{"channel": "email", "to": "a@b.example", "subject": "Pump"}, {"channel": "webhook", "to": "https://c.example/h"}],
        "metadata": {"session": "s", "ticket": 7},
    });
    let least = json!({"input": {"messages": [{"role": "user"}]}});
    Changes::of(samples(&[task, least]), 2).run(COUNT, bodies::tasks);
}

#[test]
fn any_message_is_taken_or_told_what_is_wrong_and_any_answer_can_be_said() {
    let asked = json!({
        "model": "m", "max_tokens": 9_000, "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aa"}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "7", "is_error": true}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}, "stop_sequences": ["x"],
        "thinking": {"type": "enabled", "budget_tokens": 5_000}, "metadata": {"user_id": "u"}, "stream": true, "temperature": 0.1, "top_p": 1,
    });
    let said = json!({"id": "c", "created": 5, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi", "reasoning_content": "so", "refusal": null,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}});
    Changes::of(samples(&[asked, said]), 3).run(COUNT, bodies::messages);
}
