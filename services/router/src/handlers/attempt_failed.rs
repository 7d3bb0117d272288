//! A call failed: count it for all replicas, before its task ends.

use crate::Desk;
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{Timestamp, attempt::AttemptFailed};
use std::{sync::Arc, time::Duration};

/// Before statistics that Redis did not take are tried again.
const RETRY: Duration = Duration::from_secs(2);
/// A failure older than this says nothing about now.
const STALE_US: u64 = 600_000_000;

/// Counts the failed attempt once.
pub async fn handle(desk: Arc<Desk>, incoming: Incoming<AttemptFailed>) -> Outcome {
    let now = Timestamp::now();
    let attempt = incoming.message.attempt;
    if now.micros_since(attempt.started_at) > STALE_US {
        return Outcome::Done;
    }
    match desk.store.count(&attempt, None, now).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::debug!(model.id = attempt.model, %error, "not counted, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}
