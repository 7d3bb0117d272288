use axum::body::Bytes;
use serde_json::{Value, json};

use super::{call_id, id, stop_reason, usage};
use crate::domain::answer::Content;
use crate::domain::dialect::{Reply, tokens_of};

/// The events of a message: its frame, its one block token by token, and what was counted at the end.
pub(in super::super) fn pieces(reply: &Reply<'_>) -> Vec<Bytes> {
    let answer = reply.answers.first();
    let mut counted = usage(reply);
    if let Some(fields) = counted.as_object_mut() {
        // What is written later is not known yet.
        fields.insert("output_tokens".into(), 1.into());
        fields.remove("output_tokens_details");
    }
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": id(reply), "type": "message", "role": "assistant", "model": reply.model, "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": counted,
        }}),
        json!({"type": "ping"}),
    ];
    if let Some(answer) = answer {
        let (block, deltas): (Value, Vec<Value>) = match &answer.content {
            Content::Text(text) => (
                json!({"type": "text", "text": ""}),
                tokens_of(text).into_iter().map(|text| json!({"type": "text_delta", "text": text})).collect(),
            ),
            Content::Call { name, arguments } => (
                json!({"type": "tool_use", "id": call_id(reply), "name": name, "input": {}}),
                tokens_of(arguments)
                    .into_iter()
                    .map(|json| json!({"type": "input_json_delta", "partial_json": json}))
                    .collect(),
            ),
        };
        events.push(json!({"type": "content_block_start", "index": 0, "content_block": block}));
        events
            .extend(deltas.into_iter().map(|delta| json!({"type": "content_block_delta", "index": 0, "delta": delta})));
        events.push(json!({"type": "content_block_stop", "index": 0}));
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": usage(reply)}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(event).collect()
}

fn event(data: &Value) -> Bytes {
    let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
    Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))
}
