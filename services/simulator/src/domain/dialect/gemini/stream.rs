use axum::body::Bytes;
use serde_json::{Value, json};

use super::{candidate, id, reason, usage};
use crate::domain::answer::{Answer, Content};
use crate::domain::dialect::{Reply, tokens_of};

/// Answers that each hold one token more; what was counted comes with the last of each candidate.
pub(in super::super) fn pieces(reply: &Reply<'_>) -> Vec<Bytes> {
    reply.answers.iter().enumerate().flat_map(candidate_pieces).map(|candidate| event(reply, &candidate)).collect()
}

fn candidate_pieces((index, answer): (usize, &Answer)) -> Vec<Value> {
    let Content::Text(text) = &answer.content else {
        // A call comes in one.
        return vec![candidate((index, answer))];
    };
    let mut pieces: Vec<Value> = tokens_of(text)
        .into_iter()
        .map(|text| json!({"index": index, "content": {"role": "model", "parts": [{"text": text}]}}))
        .collect();
    pieces.push(
        json!({"index": index, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": reason(answer)}),
    );
    pieces
}

fn event(reply: &Reply<'_>, candidate: &Value) -> Bytes {
    let counted = if candidate.get("finishReason").is_some() {
        usage(reply)
    } else {
        json!({"promptTokenCount": reply.usage.prompt, "totalTokenCount": reply.usage.prompt})
    };
    let data = json!({
        "candidates": [candidate], "usageMetadata": counted, "modelVersion": reply.model, "responseId": id(reply),
    });
    Bytes::from(format!("data: {data}\r\n\r\n"))
}
