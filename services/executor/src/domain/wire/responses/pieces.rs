//! The events of OpenAI Responses in the chunks of a chat completion.

use super::answer::{end, failed, usage};
use crate::domain::{
    failure::{Billed, Failure},
    sse::Event,
    wire::{
        Pieces,
        chunks::Writer,
        completion::End,
        event_data,
        reading::{count, text},
    },
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// One answer is all that can be asked for.
const CHOICE: usize = 0;

#[derive(Debug)]
pub(super) struct Reader {
    writer: Writer,
    /// Calls of tools by the place of their items: their own place, and whether their arguments began.
    calls: BTreeMap<u64, (usize, bool)>,
    is_ended: bool,
}

impl Reader {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { writer: Writer::new(now), calls: BTreeMap::new(), is_ended: false }
    }

    fn begin(&mut self, index: u64, item: &Value) -> Vec<Value> {
        if text(item, "/type") != "function_call" {
            return Vec::new();
        }
        let (piece, place) = self.writer.call(CHOICE, (text(item, "/call_id"), text(item, "/name")), None);
        self.calls.insert(index, (place, false));
        vec![piece]
    }

    fn arguments(&mut self, index: u64, json: &str) -> Vec<Value> {
        let Some((place, has_arguments)) = self.calls.get_mut(&index).filter(|_| !json.is_empty()) else {
            return Vec::new();
        };
        *has_arguments = true;
        vec![self.writer.arguments(CHOICE, *place, json)]
    }

    /// An item is complete; some servers say the arguments of a call only now.
    fn complete(&mut self, index: u64, item: &Value) -> Vec<Value> {
        match self.calls.get(&index) {
            Some((_, false)) => {
                let json = text(item, "/arguments");
                self.arguments(index, if json.is_empty() { "{}" } else { json })
            }
            _ => Vec::new(),
        }
    }

    fn finish(&mut self, response: &Value) -> Result<Vec<Value>, Failure> {
        let (usage, end) = (usage(response.get("usage")), end(response));
        if end == End::Filtered {
            let billed = usage.map_or(Billed::Perhaps, Billed::Counted);
            let text = "the provider's content filter or the model declined to answer";
            return Err(Failure::new(ErrorClass::Refusal, text).billed(billed));
        }
        self.is_ended = true;
        let mut pieces = self.writer.end(CHOICE, end);
        pieces.extend(usage.map(|usage| self.writer.usage(&usage)));
        Ok(pieces)
    }
}

impl Pieces for Reader {
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure> {
        if event.data.trim() == "[DONE]" {
            self.is_ended = true;
            return Ok(Vec::new());
        }
        let data = event_data(event)?;
        let (index, delta) = (count(&data, "/output_index").unwrap_or(0), text(&data, "/delta"));
        let empty = Value::Null;
        let part = |name: &str| data.get(name).unwrap_or(&empty);
        match text(&data, "/type") {
            "response.created" => {
                self.writer.named(text(&data, "/response/id"));
                Ok(Vec::new())
            }
            "response.output_text.delta" => Ok(self.writer.text(CHOICE, delta).into_iter().collect()),
            "response.refusal.delta" => Ok(self.writer.refusal(CHOICE, delta).into_iter().collect()),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                Ok(self.writer.thought(CHOICE, delta).into_iter().collect())
            }
            "response.output_item.added" => Ok(self.begin(index, part("item"))),
            "response.function_call_arguments.delta" => Ok(self.arguments(index, delta)),
            "response.output_item.done" => Ok(self.complete(index, part("item"))),
            "response.completed" | "response.incomplete" => self.finish(part("response")),
            "response.failed" => Err(failed(&data, "/response/error")),
            "error" => Err(failed(&data, if data.get("error").is_some() { "/error" } else { "" })),
            "" if data.get("error").is_some() => Err(failed(&data, "/error")),
            _ => Ok(Vec::new()),
        }
    }

    fn is_ended(&self) -> bool {
        self.is_ended
    }

    fn usage(&self) -> Option<Usage> {
        self.writer.counted()
    }
}
