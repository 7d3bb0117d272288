//! Bedrock's stream in OpenAI's chunks.

use super::{
    answer::{end, usage},
    failed,
};
use crate::domain::{
    failure::Failure,
    frames::EXCEPTION,
    sse::Event,
    wire::{
        Pieces,
        chunks::{Open, Writer},
        completion::End,
        event_data,
        reading::text,
    },
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One answer is all Converse gives.
const CHOICE: usize = 0;

#[derive(Debug)]
pub(super) struct Reader {
    writer: Writer,
    open: BTreeMap<u64, Open>,
    is_ended: bool,
}

impl Reader {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { writer: Writer::new(now), open: BTreeMap::new(), is_ended: false }
    }

    fn begin(&mut self, index: u64, data: &Value) -> Option<Value> {
        let called = data.pointer("/start/toolUse")?;
        let (piece, place) = self.writer.call(CHOICE, (text(called, "/toolUseId"), text(called, "/name")), None);
        self.open.insert(index, Open::Call { place, has_arguments: false });
        Some(piece)
    }

    fn add(&mut self, index: u64, delta: &Value) -> Vec<Value> {
        let mut pieces: Vec<Value> = self.writer.text(CHOICE, text(delta, "/text")).into_iter().collect();
        if let (json, Some(Open::Call { place, has_arguments })) =
            (text(delta, "/toolUse/input"), self.open.get_mut(&index))
            && !json.is_empty()
        {
            *has_arguments = true;
            pieces.push(self.writer.arguments(CHOICE, *place, json));
        }
        if let Some(thought) = delta.get("reasoningContent") {
            pieces.extend(self.think(index, thought));
        }
        pieces
    }

    fn think(&mut self, index: u64, thought: &Value) -> Option<Value> {
        if let Some(data) = thought.get("redactedContent") {
            return Some(self.writer.thinking_block(CHOICE, json!({"type": "redacted_thinking", "data": data})));
        }
        let (words, signature) = (text(thought, "/text"), text(thought, "/signature"));
        let open = self.open.entry(index).or_insert_with(|| Open::Thought(Map::new()));
        if let Open::Thought(block) = open {
            for (field, more) in [("thinking", words), ("signature", signature)] {
                let said = [block.get(field).and_then(Value::as_str).unwrap_or_default(), more].concat();
                block.insert(field.to_owned(), said.into());
            }
        }
        self.writer.thought(CHOICE, words)
    }

    fn stop(&mut self, index: u64) -> Option<Value> {
        match self.open.remove(&index)? {
            Open::Call { has_arguments: true, .. } => None,
            Open::Call { place, .. } => Some(self.writer.arguments(CHOICE, place, "{}")),
            Open::Thought(mut block) => {
                block.insert("type".into(), "thinking".into());
                Some(self.writer.thinking_block(CHOICE, block.into()))
            }
        }
    }
}

impl Pieces for Reader {
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure> {
        let data = event_data(event)?;
        let index = data.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        Ok(match event.event.as_str() {
            EXCEPTION => return Err(thrown(&data)),
            "contentBlockStart" => self.begin(index, &data).into_iter().collect(),
            "contentBlockDelta" => self.add(index, data.get("delta").unwrap_or(&Value::Null)),
            "contentBlockStop" => self.stop(index).into_iter().collect(),
            "messageStop" => {
                let pieces = self.writer.end(CHOICE, end(text(&data, "/stopReason")));
                if self.writer.all_ended(End::Malformed) {
                    let what = "the model produced what its provider cannot read";
                    return Err(Failure::new(ErrorClass::Malformed, what));
                }
                pieces
            }
            // The last of a stream.
            "metadata" => {
                self.is_ended = true;
                usage(data.get("usage")).map(|usage| self.writer.usage(&usage)).into_iter().collect()
            }
            _ => Vec::new(),
        })
    }

    fn is_ended(&self) -> bool {
        self.is_ended
    }

    fn usage(&self) -> Option<Usage> {
        self.writer.counted()
    }
}

/// An exception in the middle of a stream has no status, so its kind stands for the one it would have.
fn thrown(data: &Value) -> Failure {
    let kind = text(data, "/kind");
    let status = match kind {
        "validationException" | "ValidationException" => 400,
        "accessDeniedException" | "AccessDeniedException" => 403,
        "modelTimeoutException" | "ModelTimeoutException" => 408,
        "throttlingException" | "ThrottlingException" => 429,
        "serviceUnavailableException" | "ServiceUnavailableException" => 503,
        _ => 500,
    };
    failed(kind, status, text(data, "/message"), None)
}
