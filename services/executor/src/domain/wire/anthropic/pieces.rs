//! Anthropic's stream in OpenAI's chunks.

use super::answer::{end, usage};
use crate::domain::{
    failure::Failure,
    sse::Event,
    wire::{
        Pieces,
        chunks::{Open, Writer},
        event_data,
        reading::{refused, text},
    },
};
use neptune_contracts::{Timestamp, attempt::Usage};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One answer is all Anthropic gives.
const CHOICE: usize = 0;

#[derive(Debug)]
pub(super) struct Reader {
    writer: Writer,
    open: BTreeMap<u64, Open>,
    /// Said at the beginning, and again at the end as far as it changed.
    usage: Map<String, Value>,
    is_ended: bool,
}

impl Reader {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { writer: Writer::new(now), open: BTreeMap::new(), usage: Map::new(), is_ended: false }
    }

    fn count(&mut self, usage: Option<&Value>) {
        let said = usage.and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null());
        self.usage.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    }

    fn begin(&mut self, index: u64, block: &Value) -> Option<Value> {
        match text(block, "/type") {
            "text" => self.writer.text(CHOICE, text(block, "/text")),
            "tool_use" => {
                let names = (text(block, "/id"), text(block, "/name"));
                let (piece, place) = self.writer.call(CHOICE, names, None);
                self.open.insert(index, Open::Call { place, has_arguments: false });
                Some(piece)
            }
            "thinking" | "redacted_thinking" => {
                self.open.insert(index, Open::Thought(block.as_object().cloned().unwrap_or_default()));
                self.writer.thought(CHOICE, text(block, "/thinking"))
            }
            _ => None,
        }
    }

    fn add(&mut self, index: u64, delta: &Value) -> Option<Value> {
        match (text(delta, "/type"), self.open.get_mut(&index)) {
            ("text_delta", _) => self.writer.text(CHOICE, text(delta, "/text")),
            ("input_json_delta", Some(Open::Call { place, has_arguments })) => {
                let json = text(delta, "/partial_json");
                *has_arguments |= !json.is_empty();
                (!json.is_empty()).then(|| self.writer.arguments(CHOICE, *place, json))
            }
            ("thinking_delta", Some(Open::Thought(block))) => {
                let words = text(delta, "/thinking");
                grow(block, "thinking", words);
                self.writer.thought(CHOICE, words)
            }
            ("signature_delta", Some(Open::Thought(block))) => {
                grow(block, "signature", text(delta, "/signature"));
                None
            }
            _ => None,
        }
    }

    fn stop(&mut self, index: u64) -> Option<Value> {
        match self.open.remove(&index)? {
            Open::Call { has_arguments: true, .. } => None,
            Open::Call { place, .. } => Some(self.writer.arguments(CHOICE, place, "{}")),
            Open::Thought(block) => Some(self.writer.thinking_block(CHOICE, block.into())),
        }
    }
}

impl Pieces for Reader {
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure> {
        let data = event_data(event)?;
        let index = data.get("index").and_then(Value::as_u64).unwrap_or(0);
        let at = |field: &str| data.get(field).unwrap_or(&Value::Null);
        Ok(match text(&data, "/type") {
            "message_start" => {
                self.writer.named(text(&data, "/message/id"));
                self.count(data.pointer("/message/usage"));
                Vec::new()
            }
            "content_block_start" => self.begin(index, at("content_block")).into_iter().collect(),
            "content_block_delta" => self.add(index, at("delta")).into_iter().collect(),
            "content_block_stop" => self.stop(index).into_iter().collect(),
            "message_delta" => {
                self.count(data.get("usage"));
                let reason = text(&data, "/delta/stop_reason");
                let mut pieces = if reason.is_empty() { Vec::new() } else { self.writer.end(CHOICE, end(reason)) };
                let counted = usage(Some(&Value::Object(self.usage.clone())));
                pieces.extend(counted.map(|usage| self.writer.usage(&usage)));
                pieces
            }
            "message_stop" => {
                self.is_ended = true;
                Vec::new()
            }
            "error" => return Err(failed(at("error"))),
            // A ping, or an event of tomorrow.
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

/// An error in the middle of a stream has no status, so its kind stands for the one it would have.
fn failed(error: &Value) -> Failure {
    let kind = text(error, "/type");
    let status = match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    refused(status, kind, text(error, "/message"), None)
}

fn grow(block: &mut Map<String, Value>, field: &str, more: &str) {
    match block.get_mut(field) {
        Some(Value::String(said)) => said.push_str(more),
        _ => {
            block.insert(field.to_owned(), more.into());
        }
    }
}
