//! The kind of work a task is: as declared, or else by a small model of the words it is asked in.
//!
//! The model is linear over hashed features of both ends of the text ([`features`]), 384 KiB of
//! one-byte weights in the binary ([`model`]). `services/trainer` makes the weights; its README
//! defines the ten kinds, says what they were learned from, and how right they are.

pub mod features;
pub mod model;
pub mod tokens;

use model::{Likely, Model};
use neptune_contracts::{admission::Task, chat::ChatRequest, names::TaskType};
use std::{borrow::Cow, ops::Deref};
use tokens::Tokens;

/// A recognised kind that is less sure than this is to be mixed with the second.
pub const SURE: f64 = 0.5;

/// How the kind of work was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The caller said so.
    Declared,
    /// By the model, from the words.
    Predicted,
    /// There were no words.
    Default,
}

impl By {
    /// As it stands in the explanation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Predicted => "predicted",
            Self::Default => "default",
        }
    }
}

/// A kind of work, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// The kind.
    pub task_type: TaskType,
    /// How it was found.
    pub by: By,
    /// 0 to 1.
    pub confidence: f64,
    /// The second likeliest, when it was predicted.
    pub second: Option<Likely>,
}

impl Kind {
    /// The kinds to reckon with and their weights, which add up to 1: the kind alone when it is
    /// [`SURE`] enough, else it and the second in proportion to their confidences.
    pub fn mixture(&self) -> impl Iterator<Item = (TaskType, f64)> {
        let unsure = self.second.filter(|second| self.confidence < SURE && second.confidence > 0.0);
        let total = self.confidence + unsure.map_or(0.0, |second| second.confidence);
        let first = if unsure.is_some() { self.confidence / total } else { 1.0 };
        let second = unsure.map(|second| (second.task_type, second.confidence / total));
        std::iter::once((self.task_type, first)).chain(second)
    }
}

/// The kind of work that `task` is; `text` is what it asks with, and is read only where nothing is declared.
#[must_use]
pub fn kind(task: &Task, text: &impl Deref<Target = Tokens>) -> Kind {
    let declared = |task_type| Kind { task_type, by: By::Declared, confidence: 1.0, second: None };
    task.task_type.map_or_else(|| recognise_tokens(text), declared)
}

/// The kind of work that `input` asks for: of its instructions and the last thing the user says.
#[must_use]
pub fn recognise(input: &ChatRequest) -> Kind {
    recognise_text(&said(input))
}

/// What `input` asks with: its instructions and the last thing the user says.
#[must_use]
pub fn said(input: &ChatRequest) -> Cow<'_, str> {
    let instructs = |role: &str| matches!(role, "system" | "developer");
    let instructions = input.messages.iter().filter(|message| instructs(&message.role));
    let request = input.messages.iter().rfind(|message| message.role == "user");
    let texts: Vec<&str> = instructions.chain(request).flat_map(|message| message.texts()).collect();
    match texts.as_slice() {
        [text] => Cow::Borrowed(text),
        texts => Cow::Owned(texts.join("\n")),
    }
}

/// The kind of work that a text asks for. Of a long text only both ends are read.
#[must_use]
pub fn recognise_text(text: &str) -> Kind {
    recognise_tokens(&Tokens::read(text))
}

fn recognise_tokens(text: &Tokens) -> Kind {
    if text.tokens.is_empty() {
        return Kind { task_type: TaskType::Chat, by: By::Default, confidence: 0.0, second: None };
    }
    let [first, second] = Model::embedded().classify(text);
    Kind { task_type: first.task_type, by: By::Predicted, confidence: first.confidence, second: Some(second) }
}

#[cfg(test)]
mod tests;
