//! A task has ended: its deliveries are requested.

use crate::domain::request::deliveries;
use neptune_bus::{Bus, Incoming, Outcome};
use neptune_contracts::{delivery::DeliveryRequested, finished::TaskFinished};
use std::{error::Error as StdError, time::Duration};

/// Pause after the broker did not take a request.
const PAUSE: Duration = Duration::from_secs(2);

/// Publishes a request per delivery. Requests have ids of their own, so the broker recognises those
/// that a redelivered fact repeats.
pub async fn handle(bus: Bus, incoming: Incoming<TaskFinished>) -> Outcome {
    for delivery in deliveries(&incoming.message) {
        let id = delivery.id;
        if let Err(error) = bus.publish(&DeliveryRequested { delivery }, &incoming.cause()).await {
            tracing::warn!(error = &error as &dyn StdError, delivery.id = %id, "a delivery cannot be requested yet");
            return Outcome::Retry { after: PAUSE };
        }
    }
    Outcome::Done
}
