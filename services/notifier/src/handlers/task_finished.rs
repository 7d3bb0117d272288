//! A task has ended: request the deliveries it asks for.

use crate::{Post, domain::content::deliveries};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{Timestamp, delivery::DeliveryRequested, finished::TaskFinished};
use std::{sync::Arc, time::Duration};

/// Before a request that could not be stored is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Requests one delivery for each that the task asks for.
pub async fn handle(post: Arc<Post>, incoming: Incoming<TaskFinished>) -> Outcome {
    let cause = incoming.cause();
    for delivery in deliveries(&incoming.message, Timestamp::now()) {
        if let Err(error) = post.bus.publish(&DeliveryRequested { delivery }, &cause).await {
            tracing::warn!(task.id = %incoming.message.id, error = &error as &dyn std::error::Error, "delivery not requested, trying again");
            return Outcome::Retry { after: RETRY };
        }
    }
    Outcome::Done
}
