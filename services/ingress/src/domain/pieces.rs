//! An answer that is there as a whole, in the pieces that a streaming client reads.

use serde_json::{Map, Value, json};

/// The chunks of `completion`: for each choice one with everything said and one with why it ended.
/// `with_usage`, each says that what was counted comes later.
#[must_use]
pub fn of(completion: &Value, with_usage: bool) -> Vec<Value> {
    let choices = completion.get("choices").and_then(Value::as_array);
    let each = choices.into_iter().flatten().flat_map(|choice| {
        let part = |name: &str| choice.get(name).cloned().unwrap_or_default();
        let said = json!({"index": part("index"), "delta": delta(choice), "logprobs": part("logprobs"), "finish_reason": null});
        let ended = json!({"index": part("index"), "delta": {}, "logprobs": null, "finish_reason": part("finish_reason")});
        [said, ended]
    });
    let piece = |choice| {
        let mut chunk = frame(completion);
        chunk.insert("choices".into(), json!([choice]));
        if with_usage {
            chunk.insert("usage".into(), Value::Null);
        }
        Value::Object(chunk)
    };
    each.map(piece).collect()
}

/// The last chunk for a client that asked for what was counted, with what it cost.
#[must_use]
pub fn usage(completion: &Value, cost_usd: &str) -> Value {
    let mut chunk = frame(completion);
    let mut usage = completion.get("usage").filter(|usage| usage.is_object()).cloned().unwrap_or_else(|| json!({}));
    if let Some(fields) = usage.as_object_mut() {
        fields.insert("neptune".into(), json!({"cost_usd": cost_usd}));
    }
    chunk.insert("choices".into(), json!([]));
    chunk.insert("usage".into(), usage);
    Value::Object(chunk)
}

fn frame(completion: &Value) -> Map<String, Value> {
    let kept = ["id", "created", "model", "system_fingerprint", "service_tier"];
    let mut chunk: Map<String, Value> = kept
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), completion.get(*name).filter(|value| !value.is_null())?.clone())))
        .collect();
    chunk.insert("object".into(), "chat.completion.chunk".into());
    chunk
}

fn delta(choice: &Value) -> Value {
    let mut delta = choice.get("message").cloned().unwrap_or_else(|| json!({}));
    let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        if let Some(fields) = call.as_object_mut() {
            fields.insert("index".into(), index.into());
        }
    }
    delta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_said_in_two_pieces_a_choice() {
        let completion = json!({"id": "c-1", "object": "chat.completion", "created": 5, "model": "m", "service_tier": null,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "hi"}, "logprobs": null, "finish_reason": "stop"},
                {"index": 1, "message": {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, "finish_reason": "tool_calls"},
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
        let chunk = |choice: Value| json!({"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "usage": null, "choices": [choice]});
        let call = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        assert_eq!(
            of(&completion, true),
            [
                chunk(
                    json!({"index": 0, "delta": {"role": "assistant", "content": "hi"}, "logprobs": null, "finish_reason": null})
                ),
                chunk(json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"})),
                chunk(
                    json!({"index": 1, "delta": {"role": "assistant", "content": null, "tool_calls": [call]}, "logprobs": null, "finish_reason": null})
                ),
                chunk(json!({"index": 1, "delta": {}, "logprobs": null, "finish_reason": "tool_calls"})),
            ]
        );
        assert_eq!(
            usage(&completion, "0.5"),
            json!({"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "neptune": {"cost_usd": "0.5"}}})
        );
        assert!(of(&completion, false).iter().all(|chunk| chunk.get("usage").is_none()));
    }
}
