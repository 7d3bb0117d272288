//! An answer in pieces: chat completion chunks become Anthropic's events.

use super::{answer::usage, stop_reason, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes the events of one answer.
#[derive(Debug, Default)]
pub struct Writer {
    has_begun: bool,
    /// Blocks that have begun.
    count: usize,
    /// The block of words that is written.
    open: Option<(Kind, usize)>,
    /// The block of each call of a tool, by its place among the calls. They stay open to the end,
    /// because pieces of several may come in turns.
    calls: BTreeMap<u64, usize>,
    finish_reason: String,
}

/// What a block of words is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Thought,
    Text,
}

impl Writer {
    /// The events that a chunk is.
    pub fn chunk(&mut self, chunk: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            events.push(json!({"type": "message_start", "message": {
                "id": text(chunk, "/id"), "type": "message", "role": "assistant", "model": text(chunk, "/model"), "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": usage(None),
            }}));
        }
        let empty = Value::Null;
        let delta = chunk.pointer("/choices/0/delta").unwrap_or(&empty);
        let blocks = delta.get("thinking_blocks").and_then(Value::as_array);
        // A whole answer has its thoughts twice: in words, and as they are wanted back.
        if blocks.is_none() || self.open.is_some() {
            self.say(Kind::Thought, text(delta, "/reasoning_content"), &mut events);
        }
        for block in blocks.into_iter().flatten() {
            self.thought(block, &mut events);
        }
        self.say(Kind::Text, text(delta, "/content"), &mut events);
        self.say(Kind::Text, text(delta, "/refusal"), &mut events);
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.call(call, &mut events);
        }
        if let Some(reason) = chunk.pointer("/choices/0/finish_reason").and_then(Value::as_str) {
            reason.clone_into(&mut self.finish_reason);
        }
        events
    }

    /// The last events, with what was counted.
    pub fn end(&mut self, counted: Option<&Value>) -> Vec<Value> {
        let mut events = Vec::new();
        self.close(&mut events);
        events.extend(std::mem::take(&mut self.calls).into_values().map(stop));
        let delta = json!({"stop_reason": stop_reason(&self.finish_reason), "stop_sequence": null});
        events.push(json!({"type": "message_delta", "delta": delta, "usage": usage(counted)}));
        events.push(json!({"type": "message_stop"}));
        events
    }

    fn say(&mut self, kind: Kind, words: &str, events: &mut Vec<Value>) {
        if words.is_empty() {
            return;
        }
        let open = self.open.filter(|(open, _)| *open == kind).map(|(_, index)| index);
        let index = open.unwrap_or_else(|| {
            let empty = match kind {
                Kind::Thought => json!({"type": "thinking", "thinking": "", "signature": ""}),
                Kind::Text => json!({"type": "text", "text": ""}),
            };
            self.close(events);
            let index = self.begin(&empty, events);
            self.open = Some((kind, index));
            index
        });
        let delta = match kind {
            Kind::Thought => json!({"type": "thinking_delta", "thinking": words}),
            Kind::Text => json!({"type": "text_delta", "text": words}),
        };
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }

    /// A block of thoughts is complete: its words may have come before.
    fn thought(&mut self, block: &Value, events: &mut Vec<Value>) {
        if text(block, "/type") == "redacted_thinking" {
            self.close(events);
            let index = self.begin(block, events);
            return events.push(stop(index));
        }
        if self.open.is_none_or(|(kind, _)| kind != Kind::Thought) {
            self.say(Kind::Thought, text(block, "/thinking"), events);
        }
        if let Some((Kind::Thought, index)) = self.open {
            let delta = json!({"type": "signature_delta", "signature": text(block, "/signature")});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        self.close(events);
    }

    fn call(&mut self, call: &Value, events: &mut Vec<Value>) {
        let place = call.get("index").and_then(Value::as_u64).unwrap_or(0);
        let known = self.calls.get(&place).copied();
        let index = known.unwrap_or_else(|| {
            self.close(events);
            let names = (text(call, "/id"), text(call, "/function/name"));
            let index = self.begin(&json!({"type": "tool_use", "id": names.0, "name": names.1, "input": {}}), events);
            self.calls.insert(place, index);
            index
        });
        let arguments = text(call, "/function/arguments");
        if !arguments.is_empty() {
            let delta = json!({"type": "input_json_delta", "partial_json": arguments});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
    }

    fn begin(&mut self, block: &Value, events: &mut Vec<Value>) -> usize {
        let index = self.count;
        self.count += 1;
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        index
    }

    fn close(&mut self, events: &mut Vec<Value>) {
        events.extend(self.open.take().map(|(_, index)| stop(index)));
    }
}

fn stop(index: usize) -> Value {
    json!({"type": "content_block_stop", "index": index})
}
