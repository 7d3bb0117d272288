//! Whether a task that has no finished fact yet is on its way.
//!
//! Nobody keeps a list of tasks: an accept lies in a queue by its team, not by its id. What the broker
//! remembers is asked instead. For ten minutes it knows each accept's message id; longer, that an
//! executor has begun to call models for it, and that it waits on a timer or for a batch. A task that waits in the
//! queue for longer than that, because governance is away, is not seen.

use crate::{Bus, BusError};
use async_nats::{
    HeaderMap,
    jetstream::{
        context::PublishErrorKind,
        message::PublishMessage,
        stream::{LastRawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use neptune_contracts::{
    Message as _, headers,
    ids::TaskId,
    names::{Origin, Team},
    parked::{Parked, TaskParked, TaskResumed},
    task::TaskSubmitted,
    topology::{STARTED_BUCKET, StreamName},
};

/// A message id that no message has, so that nothing is stored after it.
const NOBODYS: &str = "(nobody's)";

impl Bus {
    /// Whether a task of `team` was accepted and is under way, as far as the broker remembers. Ask for its
    /// [`Bus::result`] first: one that has ended a moment ago counts too.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn is_under_way(&self, team: &Team, task: TaskId) -> Result<bool, BusError> {
        let action = "look for a task that is under way";
        if self.was_accepted(team, task).await? {
            return Ok(true);
        }
        let begun = self.latest(STARTED_BUCKET, &format!("{team}.{task}")).await;
        if begun.map_err(|error| BusError::new(action, error))?.is_some() {
            return Ok(true);
        }
        if !self.collected(team, task).await?.is_empty() {
            return Ok(true);
        }
        let name = self.namespace().resource(StreamName::Timers.as_str());
        let timers = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        for origin in Origin::ALL {
            let parameters = [team.as_str(), origin.as_str(), &task.to_string()];
            for subject in [TaskParked::SUBJECT, TaskResumed::SUBJECT] {
                if holds(&timers, &self.namespace().subject(subject, &parameters)).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Since when, until when and why a task of `team` waits on a timer; nothing when it does not, or what is kept of it
    /// cannot be read here.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn parked(&self, team: &Team, task: TaskId) -> Result<Option<Box<Parked>>, BusError> {
        let fault = |error| BusError::new("look for a task that waits", error);
        let name = self.namespace().resource(StreamName::Timers.as_str());
        let timers = self.inner.context.get_stream_no_info(name).await.map_err(fault)?;
        for origin in Origin::ALL {
            let parameters = [team.as_str(), origin.as_str(), &task.to_string()];
            let subject = self.namespace().subject(TaskParked::SUBJECT, &parameters);
            match timers.get_last_raw_message_by_subject(&subject).await {
                Ok(stored) => {
                    let waits: Option<TaskParked> = serde_json::from_slice(&stored.payload).ok();
                    return Ok(waits.and_then(|waits| waits.task.parked));
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(BusError::new("look for a task that waits", error)),
            }
        }
        Ok(None)
    }

    /// Whether the broker would take an accept of this id for a repeat. It looks at that before it looks at
    /// what a message is to follow, and what is asked here follows nobody, so nothing is stored.
    async fn was_accepted(&self, team: &Team, task: TaskId) -> Result<bool, BusError> {
        let action = "ask whether a task was accepted";
        let subject = self.namespace().subject(TaskSubmitted::SUBJECT, &[team.as_str(), Origin::Api.as_str()]);
        let mut headers = HeaderMap::new();
        headers.insert(headers::MESSAGE_ID, format!("{team}.{task}"));
        headers.insert(headers::EXPECTED_LAST_MESSAGE_ID, NOBODYS);
        let message = PublishMessage::build().headers(headers).payload(Bytes::new());
        let sent = self.inner.context.send_publish(subject, message).await;
        match sent.map_err(|error| BusError::new(action, error))?.await {
            Ok(ack) => Ok(ack.duplicate),
            Err(error) if error.kind() == PublishErrorKind::WrongLastMessageId => Ok(false),
            Err(error) => Err(BusError::new(action, error)),
        }
    }
}

/// Whether a stream holds a message on `subject`.
async fn holds<T: Sync>(stream: &Stream<T>, subject: &str) -> Result<bool, BusError> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
        Err(error) => Err(BusError::new("look for a task that waits", error)),
    }
}
