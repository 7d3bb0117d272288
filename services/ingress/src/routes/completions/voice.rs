//! The shapes in which something is asked for and answered.

use crate::{
    domain::{
        embeddings, messages, pieces,
        responses::{self, Echo},
        submit,
    },
    problem::{Fault, Shape},
};
use axum::{body::Bytes, response::sse::Event};
use neptune_contracts::{chat::ChatRequest, problem::Problem};
use serde_json::{Map, Value};

/// Whose clients are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Embeddings.
    Embeddings,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

/// What is asked for.
pub(super) struct Asked {
    /// The input of the task.
    pub(super) request: ChatRequest,
    /// Labels of the task.
    pub(super) labels: Map<String, Value>,
    /// What the answer repeats.
    pub(super) echo: Echo,
}

impl Dialect {
    /// The shape of errors.
    pub(super) const fn errors(self) -> Shape {
        match self {
            Self::Chat | Self::Embeddings | Self::Responses => Shape::Openai,
            Self::Messages => Shape::Anthropic,
        }
    }

    /// What a body asks for.
    ///
    /// # Errors
    /// Its faults.
    pub(super) fn read(self, body: &[u8]) -> Result<Asked, Vec<Problem>> {
        let plain = |request| Asked { request, labels: Map::new(), echo: Echo::default() };
        match self {
            Self::Chat => submit::chat(body).map(plain),
            Self::Embeddings => embeddings::read(body).map(plain),
            Self::Messages => messages::read(body).map(plain),
            Self::Responses => {
                responses::read(body).map(|responses::Asked { request, labels, echo }| Asked { request, labels, echo })
            }
        }
    }

    /// A fault of the task as whoever sent the body knows it.
    pub(super) fn fault(self, problem: Problem) -> Problem {
        match self {
            Self::Embeddings => embeddings::of_the_input(problem),
            Self::Responses => responses::of_the_input(problem),
            Self::Chat | Self::Messages => submit::of_the_input(problem),
        }
    }

    /// An answer that is there as a whole.
    pub(super) fn whole(self, output: Value, echo: Echo) -> Value {
        match self {
            Self::Chat | Self::Embeddings => output,
            Self::Responses => responses::response(&output, echo),
            Self::Messages => messages::message(&output),
        }
    }
}

/// Says one answer piece by piece.
pub(super) enum Voice {
    /// OpenAI's chunks, with what was counted at the end when it is asked for.
    Chat { with_usage: bool },
    /// The events of OpenAI Responses.
    Responses(Box<responses::Writer>),
    /// Anthropic's events.
    Messages(Box<messages::Writer>),
}

impl Voice {
    pub(super) fn of(dialect: Dialect, with_usage: bool, echo: Echo) -> Self {
        match dialect {
            // Embeddings come as a whole.
            Dialect::Chat | Dialect::Embeddings => Self::Chat { with_usage },
            Dialect::Responses => Self::Responses(Box::new(responses::Writer::new(echo))),
            Dialect::Messages => Self::Messages(Box::default()),
        }
    }

    /// A chunk as it came from the executor.
    pub(super) fn piece(&mut self, body: &Bytes) -> Vec<Event> {
        let chunk = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        match self {
            // JSON in one line has no line break that would end the event.
            Self::Chat { .. } => vec![Event::default().data(String::from_utf8_lossy(body))],
            Self::Responses(writer) => writer.chunk(&chunk()).iter().map(named).collect(),
            Self::Messages(writer) => writer.chunk(&chunk()).iter().map(named).collect(),
        }
    }

    /// An answer that is there already.
    pub(super) fn whole(&mut self, completion: &Value) -> Vec<Event> {
        let chunks = |with_usage| pieces::of(completion, with_usage);
        match self {
            Self::Chat { with_usage } => chunks(*with_usage).iter().map(json).collect(),
            Self::Responses(writer) => {
                chunks(false).iter().flat_map(|chunk| writer.chunk(chunk)).map(|event| named(&event)).collect()
            }
            Self::Messages(writer) => {
                chunks(false).iter().flat_map(|chunk| writer.chunk(chunk)).map(|event| named(&event)).collect()
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
            Self::Responses(writer) => writer.end(completion.get("usage"), Some(cost_usd)).iter().map(named).collect(),
            Self::Messages(writer) => writer.end(completion.get("usage")).iter().map(named).collect(),
        }
    }

    /// The end of an answer that is not.
    pub(super) fn fault(&mut self, fault: Fault) -> Vec<Event> {
        match self {
            Self::Chat { .. } => vec![fault.event(Shape::Openai)],
            Self::Responses(writer) => writer.fail(&fault.told()).iter().map(named).collect(),
            Self::Messages(_) => vec![fault.event(Shape::Anthropic)],
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
