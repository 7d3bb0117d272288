//! How far a durable consumer has come in its stream.

use crate::{Bus, BusError};
use neptune_contracts::topology::ConsumerSpec;

/// How far a consumer has come, in sequences of its stream; 0 before the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The newest message that was handed out.
    pub delivered: u64,
    /// This message and all before it are acknowledged.
    pub settled: u64,
}

impl Bus {
    /// How far `consumer` has come, over all replicas.
    ///
    /// # Errors
    /// The broker could not be asked, or there is no such consumer.
    pub async fn progress(&self, consumer: &ConsumerSpec) -> Result<Progress, BusError> {
        let action = "ask how far a consumer has come";
        let name = self.namespace().resource(consumer.stream.as_str());
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let info = stream.consumer_info(consumer.name).await.map_err(|error| BusError::new(action, error))?;
        Ok(Progress { delivered: info.delivered.stream_sequence, settled: info.ack_floor.stream_sequence })
    }
}
