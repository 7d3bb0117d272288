//! What starts and admits runs: cells like those that replicas share, but stored before they count, and followed by
//! every executor.

use crate::{Bus, BusError, Cell};
use async_nats::jetstream::{kv::Operation, message::PublishMessage};
use futures::StreamExt as _;
use neptune_contracts::topology::STARTS_BUCKET;
use std::time::Duration;

/// Pause before following again after the broker was lost.
const RETRY: Duration = Duration::from_millis(500);
/// A cell that was emptied is forgotten after this time.
const EMPTY_LASTS: Duration = Duration::from_secs(3_600);

impl Bus {
    /// What the cell of `name` holds, a key of the bucket.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn start_cell(&self, name: &str) -> Result<Cell, BusError> {
        self.cell_in((STARTS_BUCKET, name), "read what starts runs").await
    }

    /// Writes `body` into the cell of `name`, if it still holds what has the revision `after`; an empty one frees the
    /// cell. The new revision, or nothing when somebody else wrote before.
    ///
    /// # Errors
    /// The broker could not be asked; whether it was written is not known.
    pub async fn set_start_cell(&self, name: &str, body: Vec<u8>, after: u64) -> Result<Option<u64>, BusError> {
        let is_empty = body.is_empty();
        let message = PublishMessage::build().payload(body.into());
        let message = if is_empty { message.ttl(EMPTY_LASTS) } else { message };
        self.set_cell_in((STARTS_BUCKET, name), message, after).await
    }

    /// Tells `take` what every cell holds, and then of every change, for as long as it is waited for. After the broker
    /// was lost everything is told anew.
    pub async fn follow_start_cells(&self, mut take: impl FnMut(String, Cell) + Send) {
        loop {
            if let Err(error) = self.follow_starts(&mut take).await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "what starts runs cannot be followed yet, trying again");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn follow_starts(&self, take: &mut (impl FnMut(String, Cell) + Send)) -> Result<(), BusError> {
        let action = "follow what starts runs";
        let bucket = self.namespace().resource(STARTS_BUCKET);
        let store = self.inner.context.get_key_value(bucket).await.map_err(|error| BusError::new(action, error))?;
        let mut entries = store.watch_with_history(">").await.map_err(|error| BusError::new(action, error))?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| BusError::new(action, error))?;
            let body = if entry.operation == Operation::Put { entry.value } else { bytes::Bytes::new() };
            take(entry.key, Cell { body, revision: entry.revision });
        }
        Ok(())
    }
}
