//! A delivery may go out: one try is made, and what follows from it.

use crate::{
    channel::Channels,
    domain::{
        retry::{Schedule, Step, is_beyond_last, next},
        verdict::{Again, Verdict},
    },
};
use neptune_bus::{Bus, Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    Message, PicoUsd, Timestamp,
    delivery::{Delivery, DeliveryAdmitted, DeliveryAttempted, DeliveryFinished, DeliveryOutcome},
};
use std::{error::Error as StdError, sync::Arc, time::Duration};

/// Pause after the broker did not store a fact.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes deliveries.
pub struct Deliverer {
    /// The bus.
    pub bus: Bus,
    /// The channels.
    pub channels: Channels,
    /// Pauses between tries.
    pub schedule: Schedule,
}

impl Deliverer {
    /// Makes one try.
    pub async fn handle(self: Arc<Self>, incoming: Incoming<DeliveryAdmitted>) -> Outcome {
        let (attempt, cause) = (incoming.meta.delivered, incoming.cause());
        let delivery = incoming.message.delivery;
        if is_beyond_last(attempt, self.schedule) {
            let verdict = Verdict::failed("every try ended in a crash of the notifier", Again::No);
            return self.end(&delivery, attempt - 1, DeliveryOutcome::Failed, &verdict, &cause).await;
        }
        let verdict = self.attempt(&delivery, attempt, &cause).await;
        match next(attempt, &verdict, self.schedule, rand::random()) {
            Step::TryAgain { after } => Outcome::Retry { after },
            Step::End(outcome) => self.end(&delivery, attempt, outcome, &verdict, &cause).await,
        }
    }

    async fn attempt(&self, delivery: &Delivery, attempt: u64, cause: &Cause) -> Verdict {
        let started_at = Timestamp::now();
        let verdict = self.channels.send(delivery).await;
        let attempted = DeliveryAttempted {
            id: delivery.id,
            team: delivery.team.clone(),
            channel: delivery.spec.channel,
            attempt: count(attempt),
            started_at,
            latency_ms: Timestamp::now().micros_since(started_at) / 1_000,
            error: verdict.error().map(str::to_owned),
        };
        self.store(&attempted, cause).await;
        verdict
    }

    async fn end(
        &self,
        delivery: &Delivery,
        attempts: u64,
        outcome: DeliveryOutcome,
        verdict: &Verdict,
        cause: &Cause,
    ) -> Outcome {
        let receipt = match verdict {
            Verdict::Delivered { receipt } => receipt.clone(),
            Verdict::Failed { reason, .. } => {
                tracing::warn!(delivery.id = %delivery.id, channel = %delivery.spec.channel, attempts, reason, "a delivery failed");
                None
            }
        };
        let finished = DeliveryFinished {
            id: delivery.id,
            team: delivery.team.clone(),
            task: delivery.task,
            run: delivery.run.clone(),
            channel: delivery.spec.channel,
            outcome,
            attempts: count(attempts),
            receipt,
            error: verdict.error().map(str::to_owned),
            // Webhooks and SMTP are not billed per message.
            cost_usd: PicoUsd::ZERO,
            finished_at: Timestamp::now(),
        };
        self.store(&finished, cause).await;
        Outcome::Done
    }

    /// Stores a fact, however long the broker is away: giving up would mean sending again.
    async fn store<M: Message>(&self, fact: &M, cause: &Cause) {
        while let Err(error) = self.bus.publish(fact, cause).await {
            tracing::warn!(error = &error as &dyn StdError, "the outcome of a try cannot be stored yet");
            if matches!(error, PublishError::Encode(_) | PublishError::TooLarge { .. }) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn count(attempts: u64) -> u32 {
    u32::try_from(attempts).unwrap_or(u32::MAX)
}
