use axum::body::Bytes;
use serde_json::{Value, json};

use super::{call_id, stop_reason, usage};
use crate::domain::answer::Content;
use crate::domain::dialect::{Reply, tokens_of};

/// A header's value is a string of up to 64 KiB.
const STRING: u8 = 7;
/// Two lengths, their checksum, and the checksum of the whole.
const FRAME_BYTES: usize = 16;

/// The frames of a message: its frame, its one block token by token, and what was counted at the end.
pub(in super::super) fn pieces(reply: &Reply<'_>) -> Vec<Bytes> {
    let answer = reply.answers.first();
    let mut frames = vec![event("messageStart", &json!({"role": "assistant"}))];
    if let Some(answer) = answer {
        let delta = |delta: Value| event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": delta}));
        match &answer.content {
            Content::Text(text) => frames.extend(tokens_of(text).into_iter().map(|text| delta(json!({"text": text})))),
            Content::Call { name, arguments } => {
                let start = json!({"toolUse": {"toolUseId": call_id(reply), "name": name}});
                frames.push(event("contentBlockStart", &json!({"contentBlockIndex": 0, "start": start})));
                let inputs = tokens_of(arguments).into_iter();
                frames.extend(inputs.map(|input| delta(json!({"toolUse": {"input": input}}))));
            }
        }
        frames.push(event("contentBlockStop", &json!({"contentBlockIndex": 0})));
    }
    frames.push(event("messageStop", &json!({"stopReason": stop_reason(answer)})));
    frames.push(event("metadata", &json!({"usage": usage(reply), "metrics": {"latencyMs": 1}})));
    frames
}

/// An event in AWS's binary framing, written from its documentation.
fn event(kind: &str, data: &Value) -> Bytes {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = data.to_string();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(headers.len() + payload.len() + FRAME_BYTES);
    frame.extend_from_slice(&length(headers.len() + payload.len() + FRAME_BYTES));
    frame.extend_from_slice(&length(headers.len()));
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    Bytes::from(frame)
}
