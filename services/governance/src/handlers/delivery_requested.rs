//! A delivery was requested: may the result leave over this channel?

use crate::{Office, domain::deliver};
use neptune_bus::{Incoming, Outcome, PublishError};
use neptune_contracts::{
    PicoUsd, Timestamp,
    delivery::{DeliveryAdmitted, DeliveryFinished, DeliveryOutcome, DeliveryRequested},
};
use std::{sync::Arc, time::Duration};

/// Before a message that could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Admits or rejects a delivery.
pub async fn handle(office: Arc<Office>, incoming: Incoming<DeliveryRequested>) -> Outcome {
    let cause = incoming.cause();
    let delivery = incoming.message.delivery;
    let policy = office.policy.load_full();
    let stored = match deliver::refusal(&delivery, &policy) {
        None => {
            let policy_version = policy.version.clone();
            office.bus.publish(&DeliveryAdmitted { delivery, policy_version }, &cause).await
        }
        Some(reason) => {
            tracing::info!(delivery.id = %delivery.id, reason, "delivery rejected");
            let fact = DeliveryFinished {
                id: delivery.id,
                team: delivery.team,
                task: delivery.task,
                run: delivery.run,
                channel: delivery.spec.channel,
                outcome: DeliveryOutcome::Rejected,
                attempts: 0,
                receipt: None,
                error: Some(reason),
                cost_usd: PicoUsd::ZERO,
                finished_at: Timestamp::now(),
            };
            office.bus.publish(&fact, &cause).await
        }
    };
    match stored {
        Ok(_) => Outcome::Done,
        Err(error @ (PublishError::TooLarge { .. } | PublishError::Encode(_))) => {
            Outcome::Reject { reason: error.to_string() }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "delivery not passed on, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}
