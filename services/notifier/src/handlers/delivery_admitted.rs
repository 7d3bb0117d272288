//! A delivery may go out: send it, tell how it went.

use crate::{
    Post,
    domain::retry::{Next, Tried, next},
    webhook,
};
use neptune_bus::{Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    PicoUsd, Timestamp,
    delivery::{Delivery, DeliveryAdmitted, DeliveryAttempted, DeliveryFinished, DeliveryOutcome},
    resource::ChannelSpec,
};
use std::{sync::Arc, time::Duration};

/// Before a fact that could not be stored is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Makes one try.
pub async fn handle(post: Arc<Post>, incoming: Incoming<DeliveryAdmitted>) -> Outcome {
    let cause = incoming.cause();
    let attempt = u32::try_from(incoming.meta.delivered).unwrap_or(u32::MAX);
    let delivery = incoming.message.delivery;
    let started_at = Timestamp::now();
    let tried = post.send(&delivery).await;
    match post.tell(&delivery, tried, attempt, started_at, &cause).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(delivery.id = %delivery.id, error = &error as &dyn std::error::Error, "the outcome of a delivery was not stored");
            Outcome::Retry { after: RETRY }
        }
    }
}

impl Post {
    async fn send(&self, delivery: &Delivery) -> Tried {
        let resources = self.resources.borrow().clone();
        let missing = |what: String| Tried::Passing { error: what, after: None };
        let secret = |variable: &str| self.environment.get(variable).filter(|value| !value.is_empty()).cloned();
        let channel = delivery.spec.channel;
        match resources.channels.get(channel.as_str()) {
            None => missing(format!("there is no Channel resource {channel}")),
            Some(ChannelSpec::Webhook { secret_env, allow_private }) => match secret(secret_env) {
                Some(secret) => webhook::send(delivery, &secret, allow_private).await,
                None => missing(format!("the notifier's environment has no {secret_env}")),
            },
            Some(ChannelSpec::Email { smtp_env, from }) => match secret(smtp_env) {
                Some(url) => self.mailers.send(delivery, &url, from).await,
                None => missing(format!("the notifier's environment has no {smtp_env}")),
            },
        }
    }

    async fn tell(&self, delivery: &Delivery, tried: Tried, attempt: u32, started_at: Timestamp, cause: &Cause) -> Result<Outcome, PublishError> {
        let now = Timestamp::now();
        let error = match &tried {
            Tried::Delivered(_) => None,
            Tried::Passing { error, .. } | Tried::Doubtful(error) | Tried::Final(error) => Some(error.clone()),
        };
        tracing::info!(delivery.id = %delivery.id, channel = %delivery.spec.channel, attempt, error, "tried to deliver");
        let fact = DeliveryAttempted {
            id: delivery.id,
            team: delivery.team.clone(),
            channel: delivery.spec.channel,
            attempt,
            started_at,
            latency_ms: now.micros_since(started_at) / 1_000,
            error,
        };
        self.bus.publish(&fact, cause).await?;
        let (outcome, receipt, error) = match next(&tried, attempt, rand::random_range(0.0..1.0)) {
            Next::Again(after) => return Ok(Outcome::Retry { after }),
            Next::Delivered(receipt) => (DeliveryOutcome::Delivered, receipt, None),
            Next::GiveUp(error) => (DeliveryOutcome::Failed, None, Some(error)),
        };
        let fact = DeliveryFinished {
            id: delivery.id,
            team: delivery.team.clone(),
            task: delivery.task,
            channel: delivery.spec.channel,
            outcome,
            attempts: attempt,
            receipt,
            error,
            cost_usd: PicoUsd::ZERO,
            finished_at: now,
        };
        self.bus.publish(&fact, cause).await?;
        Ok(Outcome::Done)
    }
}
