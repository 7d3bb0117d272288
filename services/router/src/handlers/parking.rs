//! No model has room for a task now: it waits, when it may.

use super::task_admitted::TaskAdmittedHandler;
use crate::domain::decide::Refusal;
use neptune_bus::{Accept, Cause, PublishError};
use neptune_contracts::{Timestamp, admission::Task, parked::Wait};

/// What became of a task that was to be parked.
pub(super) enum Parked {
    /// It waits.
    Waits,
    /// It cannot, for this reason; nothing when it was not to.
    Not(Option<String>),
}

impl TaskAdmittedHandler {
    /// Parks `task` when all that is in its way passes by itself, early enough.
    pub(super) async fn park(
        &self,
        task: &Task,
        refusal: &Refusal,
        (accept, cause): (&Accept, &Cause),
    ) -> Result<Parked, PublishError> {
        let Some(for_ms) = refusal.back_in_ms else { return Ok(Parked::Not(None)) };
        let wait = Wait { for_ms, because: &refusal.error.message, attempts: &[], at_most_ms: self.park_at_most_ms };
        let parked = match task.park(&wait, Timestamp::now()) {
            Ok(parked) => parked,
            Err(reason) => return Ok(Parked::Not(Some(reason))),
        };
        match self.bus.park(&parked, accept, cause).await {
            Ok(()) => {
                tracing::info!(task.id = %task.id, until = %parked.until(), times = parked.times(), "no model has room; the task waits");
                Ok(Parked::Waits)
            }
            Err(error) if error.is_full() => Ok(Parked::Not(Some("no more tasks can wait".to_owned()))),
            Err(error) => Err(error),
        }
    }
}
