//! Reading finished facts back.

use crate::{Bus, BusError, payload};
use async_nats::jetstream::stream::DirectGetErrorKind;
use neptune_contracts::{
    Message as _,
    finished::TaskFinished,
    ids::TaskId,
    names::{Origin, Team},
    topology::StreamName,
};

impl Bus {
    /// The finished fact of a task, while it is in the hot window of a day; nothing while the task
    /// is not finished.
    ///
    /// # Errors
    /// The broker could not be asked, or the fact cannot be read.
    pub async fn result(&self, team: &Team, task: TaskId) -> Result<Option<TaskFinished>, BusError> {
        for origin in Origin::ALL {
            if let Some(finished) = self.result_of(team, *origin, task).await? {
                return Ok(Some(finished));
            }
        }
        Ok(None)
    }

    async fn result_of(&self, team: &Team, origin: Origin, task: TaskId) -> Result<Option<TaskFinished>, BusError> {
        let action = "read a finished task";
        let name = self.namespace().resource(StreamName::Results.as_str());
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let subject =
            self.namespace().subject(TaskFinished::SUBJECT, &[team.as_str(), origin.as_str(), &task.to_string()]);
        let stored = match stream.direct_get_last_for_subject(subject).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BusError::new(action, error)),
        };
        let body = payload::fetch(self, Some(&stored.headers), stored.payload).await?;
        serde_json::from_slice(&body).map(Some).map_err(|error| BusError::new(action, error))
    }
}
