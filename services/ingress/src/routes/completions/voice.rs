//! The shapes in which a completion is asked for and answered.

use crate::{
    domain::{messages, pieces, submit},
    problem::{Fault, Shape},
};
use axum::{body::Bytes, response::sse::Event};
use neptune_contracts::{chat::ChatRequest, problem::Problem};
use serde_json::Value;

/// Whose clients are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

impl Dialect {
    /// The shape of errors.
    pub(super) const fn errors(self) -> Shape {
        match self {
            Self::Chat => Shape::Openai,
            Self::Messages => Shape::Anthropic,
        }
    }

    /// What a body asks for.
    ///
    /// # Errors
    /// Its faults.
    pub(super) fn read(self, body: &[u8]) -> Result<ChatRequest, Vec<Problem>> {
        match self {
            Self::Chat => submit::chat(body),
            Self::Messages => messages::read(body),
        }
    }

    /// An answer that is there as a whole.
    pub(super) fn whole(self, completion: Value) -> Value {
        match self {
            Self::Chat => completion,
            Self::Messages => messages::message(&completion),
        }
    }
}

/// Says one answer piece by piece.
pub(super) enum Voice {
    /// OpenAI's chunks, with what was counted at the end when it is asked for.
    Chat { with_usage: bool },
    /// Anthropic's events.
    Messages(Box<messages::Writer>),
}

impl Voice {
    pub(super) fn of(dialect: Dialect, with_usage: bool) -> Self {
        match dialect {
            Dialect::Chat => Self::Chat { with_usage },
            Dialect::Messages => Self::Messages(Box::default()),
        }
    }

    /// A chunk as it came from the executor.
    pub(super) fn piece(&mut self, body: &Bytes) -> Vec<Event> {
        match self {
            // JSON in one line has no line break that would end the event.
            Self::Chat { .. } => vec![Event::default().data(String::from_utf8_lossy(body))],
            Self::Messages(writer) => {
                let chunk: Value = serde_json::from_slice(body).unwrap_or_default();
                writer.chunk(&chunk).iter().map(named).collect()
            }
        }
    }

    /// An answer that is there already.
    pub(super) fn whole(&mut self, completion: &Value) -> Vec<Event> {
        match self {
            Self::Chat { with_usage } => pieces::of(completion, *with_usage).iter().map(json).collect(),
            Self::Messages(writer) => {
                let chunks = pieces::of(completion, false);
                chunks.iter().flat_map(|chunk| writer.chunk(chunk)).map(|event| named(&event)).collect()
            }
        }
    }

    /// The end of an answer that is complete.
    pub(super) fn end(&mut self, completion: &Value, cost_usd: &str) -> Vec<Event> {
        match self {
            Self::Chat { with_usage } => {
                let usage = with_usage.then(|| json(&pieces::usage(completion, cost_usd)));
                usage.into_iter().chain([Event::default().data("[DONE]")]).collect()
            }
            Self::Messages(writer) => writer.end(completion.get("usage")).iter().map(named).collect(),
        }
    }

    /// The end of an answer that is not.
    pub(super) fn fault(&self, fault: Fault) -> Event {
        match self {
            Self::Chat { .. } => fault.event(Shape::Openai),
            Self::Messages(_) => fault.event(Shape::Anthropic),
        }
    }
}

fn json(chunk: &Value) -> Event {
    Event::default().data(chunk.to_string())
}

/// An event that is named by its type.
fn named(event: &Value) -> Event {
    json(event).event(event.get("type").and_then(Value::as_str).unwrap_or_default())
}
