//! Pieces of an OpenAI chat completion, written from what another provider streams. Put together
//! they are what [`super::completion`] makes of the whole answer.

use super::completion::{End, counted, finish_reason};
use neptune_contracts::{Timestamp, attempt::Usage};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Writes the pieces of one answer.
#[derive(Debug)]
pub(super) struct Writer {
    id: String,
    created_unix_s: i64,
    choices: BTreeMap<usize, Choice>,
    counted: Option<Usage>,
}

/// What was said of a choice.
#[derive(Debug, Default)]
struct Choice {
    has_text: bool,
    calls: usize,
    end: Option<End>,
}

/// A block of an answer that has begun.
#[derive(Debug)]
pub(super) enum Open {
    /// A call of a tool: its place among them, and whether its arguments began.
    Call { place: usize, has_arguments: bool },
    /// Thoughts as the provider wants them back.
    Thought(Map<String, Value>),
}

impl Writer {
    /// Writes an answer that came at `now`; its id is replaced when the provider says one.
    pub(super) fn new(now: Timestamp) -> Self {
        let created_unix_s = now.unix_seconds();
        Self { id: format!("chatcmpl-{created_unix_s}"), created_unix_s, choices: BTreeMap::new(), counted: None }
    }

    pub(super) fn named(&mut self, id: &str) {
        if !id.is_empty() {
            id.clone_into(&mut self.id);
        }
    }

    /// Text of a choice; nothing for none.
    pub(super) fn text(&mut self, choice: usize, text: &str) -> Option<Value> {
        let piece = (!text.is_empty()).then(|| self.piece(choice, "content", text.into()))?;
        self.choices.entry(choice).or_default().has_text = true;
        Some(piece)
    }

    /// What the model says when it declines to answer; nothing for none.
    pub(super) fn refusal(&mut self, choice: usize, text: &str) -> Option<Value> {
        let piece = (!text.is_empty()).then(|| self.piece(choice, "refusal", text.into()))?;
        self.choices.entry(choice).or_default().has_text = true;
        Some(piece)
    }

    /// Thoughts in words; nothing for none.
    pub(super) fn thought(&mut self, choice: usize, words: &str) -> Option<Value> {
        (!words.is_empty()).then(|| self.piece(choice, "reasoning_content", words.into()))
    }

    /// Thoughts as the provider wants them back.
    pub(super) fn thinking_block(&mut self, choice: usize, block: Value) -> Value {
        self.piece(choice, "thinking_blocks", json!([block]))
    }

    /// A call of a tool begins; with its place among the choice's calls.
    pub(super) fn call(&mut self, choice: usize, (id, name): (&str, &str), extra: Option<Value>) -> (Value, usize) {
        let place = self.calls(choice);
        let function = json!({"name": name, "arguments": ""});
        let mut call = json!({"index": place, "id": id, "type": "function", "function": function});
        if let (Some(extra), Some(fields)) = (extra, call.as_object_mut()) {
            fields.insert("extra_content".into(), extra);
        }
        let piece = self.piece(choice, "tool_calls", json!([call]));
        self.choices.entry(choice).or_default().calls += 1;
        (piece, place)
    }

    /// How many calls of tools a choice has so far.
    pub(super) fn calls(&self, choice: usize) -> usize {
        self.choices.get(&choice).map_or(0, |choice| choice.calls)
    }

    /// What a tool is called with, JSON text in pieces.
    pub(super) fn arguments(&mut self, choice: usize, place: usize, text: &str) -> Value {
        self.piece(choice, "tool_calls", json!([{"index": place, "function": {"arguments": text}}]))
    }

    /// A choice ends.
    pub(super) fn end(&mut self, choice: usize, end: End) -> Vec<Value> {
        let said = self.choices.get(&choice);
        let (is_new, has_text, has_calls) =
            said.map_or((true, false, false), |said| (said.end.is_none(), said.has_text, said.calls > 0));
        if !is_new {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        if !has_text && !has_calls {
            pieces.push(self.piece(choice, "content", "".into()));
        }
        self.choices.entry(choice).or_default().end = Some(end);
        let last = json!({"index": choice, "delta": {}, "finish_reason": finish_reason(end, has_calls)});
        pieces.push(self.chunk(json!([last])));
        pieces
    }

    /// Whether a choice has ended, and whether every one that began ended like this.
    pub(super) fn all_ended(&self, end: End) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.end == Some(end))
    }

    /// Whether any choice has ended.
    pub(super) fn any_ended(&self) -> bool {
        self.choices.values().any(|choice| choice.end.is_some())
    }

    /// What was counted last.
    pub(super) fn counted(&self) -> Option<Usage> {
        self.counted
    }

    /// What was counted.
    pub(super) fn usage(&mut self, usage: &Usage) -> Value {
        self.counted = Some(*usage);
        let mut chunk = self.chunk(json!([]));
        if let Some(fields) = chunk.as_object_mut() {
            fields.insert("usage".into(), counted(usage));
        }
        chunk
    }

    fn piece(&mut self, choice: usize, field: &str, value: Value) -> Value {
        let mut delta = Map::new();
        if !self.choices.contains_key(&choice) {
            delta.insert("role".into(), "assistant".into());
            delta.insert("refusal".into(), Value::Null);
        }
        delta.insert(field.into(), value);
        self.choices.entry(choice).or_default();
        self.chunk(json!([{"index": choice, "delta": delta, "finish_reason": null}]))
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created_unix_s, "choices": choices})
    }
}
