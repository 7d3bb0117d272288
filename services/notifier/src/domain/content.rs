//! What a finished task says to those it is delivered to.

use neptune_contracts::{
    Timestamp,
    delivery::{Delivery, DeliveryContent},
    finished::{Outcome, TaskFinished},
    ids::DeliveryId,
};
use serde_json::json;

/// The deliveries a finished task asks for. The same task gives the same ids, so a second look
/// requests nothing new.
#[must_use]
pub fn deliveries(finished: &TaskFinished, now: Timestamp) -> Vec<Delivery> {
    let content = content(finished);
    let class = finished.admission.as_ref().map(|admission| admission.class).unwrap_or_default();
    let delivery = |(index, spec): (usize, &neptune_contracts::delivery::DeliverySpec)| Delivery {
        id: DeliveryId::derive(finished.id.0, &format!("deliver.{index}")),
        team: finished.team.clone(),
        task: Some(finished.id),
        spec: spec.clone(),
        class,
        requested_at: now,
        content: content.clone(),
    };
    finished.deliver.iter().enumerate().map(delivery).collect()
}

fn content(finished: &TaskFinished) -> DeliveryContent {
    let failure = finished.error.as_ref().map(|error| error.message.clone());
    let event = match finished.outcome {
        Outcome::Completed => "task.completed",
        Outcome::Rejected => "task.rejected",
        Outcome::NoRoute | Outcome::Failed => "task.failed",
        Outcome::Expired => "task.expired",
    };
    let data = json!({
        "task": finished.id,
        "team": finished.team,
        "outcome": finished.outcome,
        "text": finished.text(),
        "error": finished.error,
        "model": finished.winner().map(|attempt| &attempt.model),
        "cost_usd": finished.cost_usd,
        "metadata": finished.metadata,
    });
    let text = finished.text().map(str::to_owned).or(failure).unwrap_or_default();
    DeliveryContent { event: event.into(), text, data }
}
