//! A task has ended: learn from its attempts.

use crate::Desk;
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{Timestamp, finished::TaskFinished};
use std::{sync::Arc, time::Duration};

/// Before statistics that Redis did not take are tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Counts every attempt once.
pub async fn handle(desk: Arc<Desk>, incoming: Incoming<TaskFinished>) -> Outcome {
    let finished = incoming.message;
    for attempt in &finished.attempts {
        if let Err(error) = desk.store.count(attempt, finished.task_type, Timestamp::now()).await {
            tracing::debug!(task.id = %finished.id, %error, "not counted, trying again");
            return Outcome::Retry { after: RETRY };
        }
    }
    Outcome::Done
}
