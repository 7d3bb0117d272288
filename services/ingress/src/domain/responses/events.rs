//! An answer in the typed events of a response. A whole answer is what its events add up to.

mod item;

use super::{Echo, text};
use crate::domain::pieces;
use item::{Item, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Writes one response, piece by piece.
#[derive(Debug, Default)]
pub struct Writer {
    echo: Echo,
    id: String,
    created_unix_s: u64,
    model: String,
    items: Vec<Item>,
    /// Calls of tools by their place in the chunks: where their items are.
    calls: BTreeMap<u64, usize>,
    finish_reason: String,
    /// Events written.
    count: u64,
}

/// A chat completion as a response.
#[must_use]
pub fn response(completion: &Value, echo: Echo) -> Value {
    let mut writer = Writer::new(echo);
    for chunk in pieces::of(completion, false) {
        writer.chunk(&chunk);
    }
    let events = writer.end(completion.get("usage"), None);
    events.into_iter().next_back().and_then(|mut last| last.get_mut("response").map(Value::take)).unwrap_or_default()
}

impl Writer {
    /// A writer of the response to a request.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self { echo, ..Self::default() }
    }

    /// The events that a chunk of the chat completion is.
    pub fn chunk(&mut self, chunk: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        self.begin(chunk, &mut events);
        let empty = Value::Null;
        for choice in chunk.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let delta = choice.get("delta").unwrap_or(&empty);
            self.say(Kind::Reasoning, text(delta, "/reasoning_content"), &mut events);
            let blocks = delta.get("thinking_blocks").and_then(Value::as_array);
            self.thoughts(blocks.map_or(&[], Vec::as_slice), &mut events);
            self.say(Kind::Text, text(delta, "/content"), &mut events);
            self.say(Kind::Refusal, text(delta, "/refusal"), &mut events);
            for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                self.call(call, &mut events);
            }
            if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
                reason.clone_into(&mut self.finish_reason);
            }
        }
        events
    }

    /// The last events, with what was counted and what it cost.
    pub fn end(&mut self, usage: Option<&Value>, cost_usd: Option<&str>) -> Vec<Value> {
        let mut events = Vec::new();
        self.begin(&Value::Null, &mut events);
        for index in 0..self.items.len() {
            self.close(index, &mut events);
        }
        let (status, reason) = match self.finish_reason.as_str() {
            "length" => ("incomplete", Some("max_output_tokens")),
            "content_filter" => ("incomplete", Some("content_filter")),
            _ => ("completed", None),
        };
        let mut response = self.response(status);
        if let Some(fields) = response.as_object_mut() {
            let details = reason.map_or(Value::Null, |reason| json!({"reason": reason}));
            fields.insert("incomplete_details".into(), details);
            fields.insert("usage".into(), counted(usage, cost_usd));
        }
        self.push(&format!("response.{status}"), json!({"response": response}), &mut events);
        events
    }

    /// The last events of an answer that failed, with its error in OpenAI's shape.
    pub fn fail(&mut self, error: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        self.begin(&Value::Null, &mut events);
        let (code, message) = (text(error, "/code").to_owned(), text(error, "/message").to_owned());
        let mut response = self.response("failed");
        if let Some(fields) = response.as_object_mut() {
            fields.insert("error".into(), json!({"code": code, "message": message}));
        }
        self.push("response.failed", json!({"response": response}), &mut events);
        // The official clients raise what has an `error` of its own, and read the other fields of this event.
        let fields = json!({"code": code, "message": message, "param": error.get("param"), "error": error});
        self.push("error", fields, &mut events);
        events
    }

    fn begin(&mut self, chunk: &Value, events: &mut Vec<Value>) {
        if self.count > 0 {
            return;
        }
        let id = text(chunk, "/id");
        self.id = if id.starts_with("resp_") { id.to_owned() } else { format!("resp_{id}") };
        self.created_unix_s = chunk.get("created").and_then(Value::as_u64).unwrap_or(0);
        text(chunk, "/model").clone_into(&mut self.model);
        for kind in ["response.created", "response.in_progress"] {
            let response = self.response("in_progress");
            self.push(kind, json!({"response": response}), events);
        }
    }

    /// Words of a kind; an item or a part of one begins where the kind changes.
    fn say(&mut self, kind: Kind, words: &str, events: &mut Vec<Value>) {
        if words.is_empty() {
            return;
        }
        let index = self.open(kind, events);
        let Some(item) = self.items.get_mut(index) else { return };
        item.words.push_str(words);
        let (name, fields) = item.delta(index, words);
        self.push(name, fields, events);
    }

    /// Thoughts as their model wants them back belong to the words of the thoughts.
    fn thoughts(&mut self, blocks: &[Value], events: &mut Vec<Value>) {
        if blocks.is_empty() || !self.echo.with_thoughts {
            return;
        }
        let index = self.open(Kind::Reasoning, events);
        if let Some(item) = self.items.get_mut(index) {
            item.blocks.extend(blocks.iter().cloned());
        }
    }

    /// The place of the item that is being said, of this kind.
    fn open(&mut self, kind: Kind, events: &mut Vec<Value>) -> usize {
        let last = self.items.len().checked_sub(1);
        let same = last.filter(|index| self.items.get(*index).is_some_and(|item| item.kind == kind && !item.is_done));
        if let Some(index) = same {
            return index;
        }
        self.close_words(events);
        self.add(Item::new(kind, &self.id, self.items.len()), events)
    }

    fn call(&mut self, call: &Value, events: &mut Vec<Value>) {
        let place = call.get("index").and_then(Value::as_u64).unwrap_or(0);
        let index = match self.calls.get(&place) {
            Some(index) => *index,
            None => {
                self.close_words(events);
                let mut item = Item::new(Kind::Call, &self.id, self.items.len());
                text(call, "/id").clone_into(&mut item.call_id);
                text(call, "/function/name").clone_into(&mut item.name);
                let index = self.add(item, events);
                self.calls.insert(place, index);
                index
            }
        };
        let arguments = text(call, "/function/arguments");
        let Some(item) = self.items.get_mut(index).filter(|item| !arguments.is_empty() && !item.is_done) else {
            return;
        };
        item.words.push_str(arguments);
        let (name, fields) = item.delta(index, arguments);
        self.push(name, fields, events);
    }

    /// Ends what is said in words. Calls stay open: pieces of several may come by turns.
    fn close_words(&mut self, events: &mut Vec<Value>) {
        let last = self.items.len().checked_sub(1);
        if let Some(last) = last.filter(|index| self.items.get(*index).is_some_and(|item| item.kind != Kind::Call)) {
            self.close(last, events);
        }
    }

    fn add(&mut self, item: Item, events: &mut Vec<Value>) -> usize {
        let index = self.items.len();
        for (name, fields) in item.begun(index) {
            self.push(name, fields, events);
        }
        self.items.push(item);
        index
    }

    fn close(&mut self, index: usize, events: &mut Vec<Value>) {
        let Some(item) = self.items.get_mut(index).filter(|item| !item.is_done) else { return };
        item.is_done = true;
        for (name, fields) in item.done(index) {
            self.push(name, fields, events);
        }
    }

    fn push(&mut self, kind: &str, fields: Value, events: &mut Vec<Value>) {
        let mut event =
            Map::from_iter([("type".to_owned(), json!(kind)), ("sequence_number".to_owned(), json!(self.count))]);
        event.extend(fields.as_object().cloned().unwrap_or_default());
        self.count += 1;
        events.push(Value::Object(event));
    }

    /// The response as far as it has come.
    fn response(&self, status: &str) -> Value {
        let mut response = self.echo.fields.clone();
        let output: Vec<Value> = self.items.iter().map(Item::whole).collect();
        let own = json!({
            "id": self.id, "object": "response", "created_at": self.created_unix_s, "status": status, "model": self.model,
            "output": output, "error": null, "incomplete_details": null, "usage": null,
        });
        response.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(response)
    }
}

/// What was counted, in the words of a response.
fn counted(usage: Option<&Value>, cost_usd: Option<&str>) -> Value {
    let Some(usage) = usage.filter(|usage| usage.is_object()) else { return Value::Null };
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let (input, output) = (count("/prompt_tokens"), count("/completion_tokens"));
    let mut counted = json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": count("/prompt_tokens_details/cached_tokens")},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": count("/completion_tokens_details/reasoning_tokens")},
        "total_tokens": input.saturating_add(output),
    });
    if let (Some(cost_usd), Some(fields)) = (cost_usd, counted.as_object_mut()) {
        fields.insert("neptune".into(), json!({"cost_usd": cost_usd}));
    }
    counted
}
