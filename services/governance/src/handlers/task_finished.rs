//! A task has ended: what it cost is spent, what was held for it is free.

use crate::{
    Office,
    domain::settle::{Stored, settlement},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::finished::TaskFinished;
use std::{sync::Arc, time::Duration};

/// Before a settlement that Redis did not take is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Settles the task's hold, or counts its cost when there is none.
pub async fn handle(office: Arc<Office>, incoming: Incoming<TaskFinished>) -> Outcome {
    let stored = Stored { sequence: incoming.meta.sequence, at: incoming.meta.stored_at };
    let finished = incoming.message;
    let Some(settlement) = settlement(&finished, stored, &office.policy.load()) else { return Outcome::Done };
    match office.budgets.settle(&settlement).await {
        Ok(_) => Outcome::Done,
        Err(error) => {
            tracing::warn!(task.id = %finished.id, %error, "not settled, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}
