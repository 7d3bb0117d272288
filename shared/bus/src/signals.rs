//! Signals on core NATS: pieces of answers as they come, and the word that one is not wanted any more.
//! Nothing here is stored or repeated.

use crate::{Bus, BusError};
use async_nats::{HeaderMap, HeaderValue, Message, Subject, Subscriber};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use neptune_contracts::{
    headers,
    ids::{AttemptId, TaskId},
    names::Team,
    signal::{STREAM_CHUNK, TASK_CANCEL},
};

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The attempt it is from.
    pub attempt: AttemptId,
    /// Its place among the pieces of that attempt, from 0.
    pub index: u64,
    /// An OpenAI chat completion chunk, as JSON in one line.
    pub body: Bytes,
}

/// The pieces of one task's answer, as they come.
pub struct Chunks {
    subscriber: Subscriber,
}

impl Chunks {
    /// The next piece; nothing when the connection was closed for good. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Chunk> {
        loop {
            // What is no piece is nobody's of ours.
            if let Some(chunk) = read(self.subscriber.next().await?) {
                return Some(chunk);
            }
        }
    }
}

/// The way of one attempt's pieces to whoever listens to its task. What all of them have in common is written once.
pub struct Passage {
    bus: Bus,
    subject: Subject,
    attempt: HeaderValue,
}

impl Passage {
    /// Passes the piece at the place `index` on: an OpenAI chat completion chunk, as JSON in one line.
    ///
    /// # Errors
    /// The connection was closed for good.
    pub async fn pass_on(&self, index: u64, body: Bytes) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        headers.insert(headers::ATTEMPT, self.attempt.clone());
        headers.insert(headers::INDEX, HeaderValue::from(index));
        let sent = self.bus.inner.client.publish_with_headers(self.subject.clone(), headers, body).await;
        sent.map_err(|error| BusError::new("pass on a piece of an answer", error))
    }
}

impl Bus {
    /// Listens to the pieces of a task's answer. To miss none, listen before the task is submitted.
    ///
    /// # Errors
    /// The subscription could not be made.
    pub async fn chunks(&self, team: &Team, task: TaskId) -> Result<Chunks, BusError> {
        let subject = self.namespace().subject(STREAM_CHUNK.subject, &[team.as_str(), &task.to_string()]);
        let subscriber = self.inner.client.subscribe(subject).await;
        Ok(Chunks { subscriber: subscriber.map_err(|error| BusError::new("listen to an answer's pieces", error))? })
    }

    /// The way of the pieces of an attempt at a task to whoever listens.
    #[must_use]
    pub fn passage(&self, (team, task): (&Team, TaskId), attempt: AttemptId) -> Passage {
        let subject = self.namespace().subject(STREAM_CHUNK.subject, &[team.as_str(), &task.to_string()]);
        Passage { bus: self.clone(), subject: subject.into(), attempt: attempt.to_string().into() }
    }

    /// Tells whoever works on a task that its answer is not wanted any more.
    ///
    /// # Errors
    /// The connection was closed for good.
    pub async fn cancel(&self, team: &Team, task: TaskId) -> Result<(), BusError> {
        let subject = self.namespace().subject(TASK_CANCEL.subject, &[team.as_str(), &task.to_string()]);
        let sent = self.inner.client.publish(subject, Bytes::new()).await;
        sent.map_err(|error| BusError::new("cancel a task", error))
    }

    /// Tasks whose answers are not wanted any more, as they are named.
    ///
    /// # Errors
    /// The subscription could not be made.
    pub async fn cancelled(&self) -> Result<impl Stream<Item = (Team, TaskId)> + Send + Unpin + use<>, BusError> {
        let subject = self.namespace().wildcard(TASK_CANCEL.subject);
        let subscriber = self.inner.client.subscribe(subject).await;
        let subscriber = subscriber.map_err(|error| BusError::new("listen for cancelled tasks", error))?;
        let namespace = self.namespace().clone();
        Ok(Box::pin(subscriber.filter_map(move |message| {
            let parameters = namespace.parameters(TASK_CANCEL.subject, &message.subject).unwrap_or_default();
            let named = match parameters.as_slice() {
                [team, task] => team.parse().ok().zip(task.parse().ok()),
                _ => None,
            };
            std::future::ready(named)
        })))
    }
}

fn read(message: Message) -> Option<Chunk> {
    let headers = message.headers?;
    let attempt = headers.get(headers::ATTEMPT)?.as_str().parse().ok()?;
    let index = headers.get(headers::INDEX)?.as_str().parse().ok()?;
    Some(Chunk { attempt, index, body: message.payload })
}
