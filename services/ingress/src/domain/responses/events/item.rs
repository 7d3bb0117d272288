//! One item of a response's output, as far as it has come.

use crate::domain::responses::THOUGHTS;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// What an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the model thought.
    Reasoning,
    /// What it answers.
    Text,
    /// What it says when it declines to answer.
    Refusal,
    /// A call of a tool.
    Call,
}

/// One item. A message has one part: its text, or its refusal.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    id: String,
    /// The words, or a call's arguments.
    pub(super) words: String,
    pub(super) call_id: String,
    pub(super) name: String,
    /// Thoughts as their model wants them back.
    pub(super) blocks: Vec<Value>,
    pub(super) is_done: bool,
}

/// An event's name and its fields.
type Event = (&'static str, Value);

impl Item {
    pub(super) fn new(kind: Kind, response: &str, index: usize) -> Self {
        let prefix = match kind {
            Kind::Reasoning => "rs",
            Kind::Text | Kind::Refusal => "msg",
            Kind::Call => "fc",
        };
        let id = format!("{prefix}_{}_{index}", response.trim_start_matches("resp_"));
        let (words, call_id, name) = (String::new(), String::new(), String::new());
        Self { kind, id, words, call_id, name, blocks: Vec::new(), is_done: false }
    }

    /// The item with all its words so far.
    pub(super) fn whole(&self) -> Value {
        let status = if self.is_done { "completed" } else { "in_progress" };
        match self.kind {
            Kind::Reasoning => {
                let summary = if self.words.is_empty() { json!([]) } else { json!([self.part()]) };
                let mut item = json!({"id": self.id, "type": "reasoning", "summary": summary});
                if let (false, Some(fields)) = (self.blocks.is_empty(), item.as_object_mut()) {
                    let signed = BASE64_STANDARD.encode(json!(self.blocks).to_string());
                    fields.insert("encrypted_content".into(), format!("{THOUGHTS}{signed}").into());
                }
                item
            }
            Kind::Text | Kind::Refusal => {
                let content = if self.words.is_empty() { json!([]) } else { json!([self.part()]) };
                json!({"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Kind::Call => json!({
                "id": self.id, "type": "function_call", "status": status, "call_id": self.call_id, "name": self.name,
                "arguments": self.words,
            }),
        }
    }

    /// The part that holds the words.
    fn part(&self) -> Value {
        match self.kind {
            Kind::Reasoning => json!({"type": "summary_text", "text": self.words}),
            Kind::Refusal => json!({"type": "refusal", "refusal": self.words}),
            Kind::Text | Kind::Call => {
                json!({"type": "output_text", "text": self.words, "annotations": [], "logprobs": []})
            }
        }
    }

    /// The events by which an item without words begins.
    pub(super) fn begun(&self, index: usize) -> Vec<Event> {
        let added = ("response.output_item.added", json!({"output_index": index, "item": self.whole()}));
        let part = match self.kind {
            Kind::Call => return vec![added],
            Kind::Reasoning => ("response.reasoning_summary_part.added", self.at(index, json!({"part": self.part()}))),
            Kind::Text | Kind::Refusal => ("response.content_part.added", self.at(index, json!({"part": self.part()}))),
        };
        vec![added, part]
    }

    /// The event of some more words.
    pub(super) fn delta(&self, index: usize, words: &str) -> Event {
        let mut fields = json!({"delta": words});
        if let (Kind::Text, Some(fields)) = (self.kind, fields.as_object_mut()) {
            fields.insert("logprobs".into(), json!([]));
        }
        let name = match self.kind {
            Kind::Reasoning => "response.reasoning_summary_text.delta",
            Kind::Text => "response.output_text.delta",
            Kind::Refusal => "response.refusal.delta",
            Kind::Call => "response.function_call_arguments.delta",
        };
        (name, self.at(index, fields))
    }

    /// The events by which it ends.
    pub(super) fn done(&self, index: usize) -> Vec<Event> {
        let part = json!({"part": self.part()});
        let whole = ("response.output_item.done", json!({"output_index": index, "item": self.whole()}));
        let words = |field: &str| json!({ (field): self.words });
        match self.kind {
            Kind::Reasoning => vec![
                ("response.reasoning_summary_text.done", self.at(index, words("text"))),
                ("response.reasoning_summary_part.done", self.at(index, part)),
                whole,
            ],
            Kind::Text => vec![
                ("response.output_text.done", self.at(index, json!({"text": self.words, "logprobs": []}))),
                ("response.content_part.done", self.at(index, part)),
                whole,
            ],
            Kind::Refusal => vec![
                ("response.refusal.done", self.at(index, words("refusal"))),
                ("response.content_part.done", self.at(index, part)),
                whole,
            ],
            Kind::Call => {
                let fields = json!({"name": self.name, "arguments": self.words});
                vec![("response.function_call_arguments.done", self.at(index, fields)), whole]
            }
        }
    }

    /// The fields that say where an event belongs, with its own.
    fn at(&self, index: usize, fields: Value) -> Value {
        let mut at = json!({"item_id": self.id, "output_index": index});
        let own = fields.as_object().cloned().unwrap_or_default();
        if let Some(all) = at.as_object_mut() {
            match self.kind {
                Kind::Reasoning => drop(all.insert("summary_index".into(), json!(0))),
                Kind::Text | Kind::Refusal => drop(all.insert("content_index".into(), json!(0))),
                Kind::Call => {}
            }
            all.extend(own);
        }
        at
    }
}
