//! Notes: what an executor has begun of a task, for whoever goes on with the task should it die.

use crate::{Bus, BusError};
use neptune_contracts::{ids::TaskId, names::Team, topology::STARTED_BUCKET};
use serde::{Serialize, de::DeserializeOwned};

impl Bus {
    /// Leaves a note about a task in place of the last one. It is handed to the operating system before
    /// this returns, so it survives the process; that the broker has it is not waited for.
    ///
    /// # Errors
    /// It cannot be written as JSON, or the connection was closed for good.
    pub async fn note<T: Serialize + Sync>(&self, (team, task): (&Team, TaskId), note: &T) -> Result<(), BusError> {
        let action = "leave a note about a task";
        let body = serde_json::to_vec(note).map_err(|error| BusError::new(action, error))?;
        let subject = format!("$KV.{}.{team}.{task}", self.namespace().resource(STARTED_BUCKET));
        let sent = self.inner.client.publish(subject, body.into()).await;
        sent.map_err(|error| BusError::new(action, error))?;
        self.inner.client.flush().await.map_err(|error| BusError::new(action, error))
    }

    /// The last note about a task; nothing when none was left, or long ago.
    ///
    /// # Errors
    /// The broker could not be asked, or the note cannot be read.
    pub async fn noted<T: DeserializeOwned>(&self, (team, task): (&Team, TaskId)) -> Result<Option<T>, BusError> {
        let action = "read a note about a task";
        let stored = self.latest(STARTED_BUCKET, &format!("{team}.{task}")).await;
        let Some(stored) = stored.map_err(|error| BusError::new(action, error))? else { return Ok(None) };
        serde_json::from_slice(&stored.payload).map(Some).map_err(|error| BusError::new(action, error))
    }
}
