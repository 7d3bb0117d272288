//! Who listens to which events: noted before a run's log says that it listens, and read anew for each event.
//!
//! Whoever begins to listen is noted first. So an event that is stored after the log says so is handed to the run,
//! whatever dies in between; a note without a listener costs a look in vain, and goes with the end of its run.

use crate::{Bus, BusError, PublishError, publish::Draft};
use async_nats::HeaderMap;
use bytes::Bytes;
use futures::TryStreamExt as _;
use neptune_contracts::{ids::RunId, names::Team, topology::LISTENS_BUCKET};
use std::collections::BTreeSet;

impl Bus {
    /// Notes that a run of a team listens to events of a kind, as [`neptune_contracts::event::kind_token`] names it.
    /// `turn` counts the ends of the run.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn note_listener(&self, team: &Team, (run, turn): (RunId, u32), kind: &str) -> Result<(), PublishError> {
        let subject = format!("{}.{team}.{run}.{turn}.{kind}", self.listens());
        self.store(&Draft { subject, headers: HeaderMap::new(), body: Bytes::new() }).await.map(drop)
    }

    /// The runs of a team that are noted to listen to events of any of these kinds.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn listeners(&self, team: &Team, kinds: &[&str]) -> Result<BTreeSet<RunId>, BusError> {
        let action = "see which runs listen to an event";
        let name = format!("KV_{}", self.namespace().resource(LISTENS_BUCKET));
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let prefix = format!("{}.{team}.", self.listens());
        let mut runs = BTreeSet::new();
        for kind in kinds {
            // Answered by whoever leads the stream, so that nothing noted before is left out.
            let noted = stream.info_with_subjects(format!("{prefix}*.*.{kind}")).await;
            let mut noted = noted.map_err(|error| BusError::new(action, error))?;
            while let Some((subject, _)) = noted.try_next().await.map_err(|error| BusError::new(action, error))? {
                let run: Option<RunId> =
                    subject.strip_prefix(&prefix).and_then(|rest| rest.split('.').next()?.parse().ok());
                runs.extend(run);
            }
        }
        Ok(runs)
    }

    /// Forgets what a run listened to until the end that `turn` counts.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn forget_listener(&self, team: &Team, (run, turn): (RunId, u32)) -> Result<(), BusError> {
        let action = "forget that a run listens";
        let name = format!("KV_{}", self.namespace().resource(LISTENS_BUCKET));
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let filter = format!("{}.{team}.{run}.{turn}.*", self.listens());
        stream.purge().filter(filter).await.map(drop).map_err(|error| BusError::new(action, error))
    }

    fn listens(&self) -> String {
        format!("$KV.{}", self.namespace().resource(LISTENS_BUCKET))
    }
}
