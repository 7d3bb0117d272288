//! Cells: small values that the replicas of a service share. Each change says which one it follows, so
//! that of two at the same time only one is made.

use crate::{Bus, BusError};
use async_nats::jetstream::{
    context::PublishErrorKind,
    message::{PublishMessage, StreamMessage},
    stream::DirectGetErrorKind,
};
use bytes::Bytes;
use neptune_contracts::topology::SHARED_BUCKET;

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The value; empty when nothing was ever written.
    pub body: Bytes,
    /// Names this value; a change says that it follows it.
    pub revision: u64,
}

impl Bus {
    /// What the cell of `name` holds.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn cell(&self, name: &str) -> Result<Cell, BusError> {
        self.cell_in((SHARED_BUCKET, &token(name)), "read what replicas share").await
    }

    pub(crate) async fn cell_in(&self, (bucket, key): (&str, &str), action: &'static str) -> Result<Cell, BusError> {
        let stored = self.latest(bucket, key).await.map_err(|error| BusError::new(action, error))?;
        Ok(stored.map_or_else(Cell::default, |stored| Cell { body: stored.payload, revision: stored.sequence }))
    }

    /// Writes `body` into the cell of `name`, if it still holds what has the revision `after`. The new
    /// revision, or nothing when somebody else wrote before.
    ///
    /// # Errors
    /// The broker could not be asked; whether it was written is not known.
    pub async fn set_cell(&self, name: &str, body: Vec<u8>, after: u64) -> Result<Option<u64>, BusError> {
        let message = PublishMessage::build().payload(body.into());
        self.set_cell_in((SHARED_BUCKET, &token(name)), message, after).await
    }

    pub(crate) async fn set_cell_in(
        &self,
        (bucket, key): (&str, &str),
        message: PublishMessage,
        after: u64,
    ) -> Result<Option<u64>, BusError> {
        let action = "write what replicas share";
        let subject = format!("$KV.{}.{key}", self.namespace().resource(bucket));
        let message = message.expected_last_subject_sequence(after);
        let ack = self.inner.context.send_publish(subject, message).await;
        match ack.map_err(|error| BusError::new(action, error))?.await {
            Ok(ack) => Ok(Some(ack.sequence)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(BusError::new(action, error)),
        }
    }

    /// The latest value of a key of a bucket.
    pub(crate) async fn latest(&self, bucket: &str, key: &str) -> Result<Option<StreamMessage>, async_nats::Error> {
        let bucket = self.namespace().resource(bucket);
        let stream = self.inner.context.get_stream_no_info(format!("KV_{bucket}")).await?;
        match stream.direct_get_last_for_subject(format!("$KV.{bucket}.{key}")).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A resource's name as one token of a subject. Names have no `=`, so no two share a token.
fn token(name: &str) -> String {
    name.replace('.', "=")
}
