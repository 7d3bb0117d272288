//! A collection of tasks for batches is to be looked at.

use crate::batches::Batches;
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::batch::BatchDue;
use std::{sync::Arc, time::Duration};

/// Somebody else looks at it, or the bus failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Looks at it. The timer is acknowledged when the next one is set.
pub async fn handle(batches: Arc<Batches>, incoming: Incoming<BatchDue>) -> Outcome {
    match batches.look(&incoming.message.collection).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let collection = incoming.message.collection.token();
            tracing::debug!(
                collection,
                error = &error as &dyn std::error::Error,
                "a collection is looked at again soon"
            );
            Outcome::Retry { after: AGAIN }
        }
    }
}
