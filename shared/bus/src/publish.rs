//! Publishing: typed, acknowledged, repeated under the same id until it is stored.

use crate::{Bus, BusError, Cause, payload};
use async_nats::{
    HeaderMap,
    jetstream::{context::PublishErrorKind, message::PublishMessage, publish::PublishAck},
};
use bytes::Bytes;
use neptune_contracts::{Message, Timestamp, headers, subject, topology::StreamName};
use std::time::Duration;

/// Tries before a publish is given up. With the answer timeout and the pauses between, about 30 s
/// of an unreachable broker are bridged.
const TRIES: u32 = 20;
/// The broker's code for a stream at its limits.
const STREAM_FULL: [u64; 3] = [10_077, 10_052, 10_047];

/// A message that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// The broker had stored the same message before.
    pub duplicate: bool,
}

/// Why a message was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be written as JSON.
    #[error("cannot encode the message")]
    Encode(#[source] serde_json::Error),
    /// It is above the largest size.
    #[error("the message has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The stream is at its limits; try again later.
    #[error("the stream is full: {detail}")]
    Full {
        /// In the broker's words.
        detail: String,
    },
    /// The subject already holds a message where none was expected.
    #[error("the subject already holds a message")]
    Taken,
    /// Its body could not be put aside.
    #[error("cannot store the message's body")]
    Payload(#[source] BusError),
    /// The broker did not store it.
    #[error("the broker did not store the message")]
    Broker(#[source] async_nats::Error),
}

impl PublishError {
    /// Whether the stream is at its limits, so that the caller should be told to wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

pub(crate) struct Draft {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Bus {
    /// Stores a message and waits for the broker's word that it is stored.
    ///
    /// # Errors
    /// The stream is full, the message is too large, or the broker stayed unreachable for about
    /// half a minute.
    pub async fn publish<M: Message>(&self, message: &M, cause: &Cause) -> Result<Published, PublishError> {
        let draft = self.draft(message, cause).await?;
        self.store(&draft).await
    }

    /// Passes accepted work on to the next stage without waiting for the broker's word. What is lost
    /// on the way is begun again from the accept, whose token travels with it; nobody but the
    /// finished fact says that the work is done.
    ///
    /// # Errors
    /// The message is too large, or the connection was closed for good.
    pub async fn hand_on<M: Message>(&self, message: &M, cause: &Cause) -> Result<(), PublishError> {
        debug_assert!(M::STREAM == StreamName::Stage, "only stages are guarded by an accept");
        let Draft { subject, headers, body } = self.draft(message, cause).await?;
        let sent = self.inner.client.publish_with_headers(subject, headers, body).await;
        sent.map_err(|error| PublishError::Broker(error.into()))
    }

    pub(crate) async fn draft<M: Message>(&self, message: &M, cause: &Cause) -> Result<Draft, PublishError> {
        let parameters = message.parameters();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let subject = self.namespace().subject(M::SUBJECT, &parameters);
        let mut headers = HeaderMap::new();
        let id = message.dedup_key();
        if !id.is_empty() {
            headers.insert(headers::CE_ID, id.as_str());
            // A stage is passed again with each delivery of the accept.
            if M::STREAM != StreamName::Stage {
                headers.insert(headers::MESSAGE_ID, id.as_str());
            }
        }
        headers.insert(headers::CE_SPEC_VERSION, "1.0");
        headers.insert(headers::CE_TYPE, subject::stem(M::SUBJECT));
        headers.insert(headers::CE_SOURCE, self.service().as_str());
        headers.insert(headers::CE_TIME, Timestamp::now().to_string());
        cause.write(&mut headers);
        let body = serde_json::to_vec(message).map_err(PublishError::Encode)?;
        let body = payload::put_aside(self, M::STREAM, body.into(), &mut headers).await?;
        Ok(Draft { subject, headers, body })
    }

    /// Stores a draft, repeating it under the same id until the broker answers.
    pub(crate) async fn store(&self, draft: &Draft) -> Result<Published, PublishError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_store(draft).await {
                Ok(ack) => return Ok(Published { sequence: ack.sequence, duplicate: ack.duplicate }),
                Err(error) if tries >= TRIES || !is_passing(error.kind()) => return Err(explain(error)),
                Err(error) => {
                    tracing::debug!(%error, tries, "publish was not acknowledged, repeating it");
                    tokio::time::sleep(Duration::from_millis(u64::from(50 * tries.min(10)))).await;
                }
            }
        }
    }

    async fn try_store(&self, draft: &Draft) -> Result<PublishAck, async_nats::jetstream::context::PublishError> {
        let message = PublishMessage::build().headers(draft.headers.clone()).payload(draft.body.clone());
        self.inner.context.send_publish(draft.subject.clone(), message).await?.await
    }
}

fn is_passing(kind: PublishErrorKind) -> bool {
    matches!(
        kind,
        PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::StreamNotFound
            | PublishErrorKind::MaxAckPending
    )
}

fn explain(error: async_nats::jetstream::context::PublishError) -> PublishError {
    let code = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
        .map(|source| source.error_code().0);
    match error.kind() {
        PublishErrorKind::WrongLastSequence => PublishError::Taken,
        _ if code.is_some_and(|code| STREAM_FULL.contains(&code)) => PublishError::Full { detail: error.to_string() },
        _ => PublishError::Broker(error.into()),
    }
}
