//! A delivery has ended, which may have been a run's step.

use crate::{
    domain::run::{course::Heard, notify},
    runs::{Runs, mailbox::Item},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::delivery::DeliveryFinished;
use std::sync::Arc;

/// Tells the run, if it is one's.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<DeliveryFinished>) -> Outcome {
    let fact = Box::new(incoming.message);
    // Only the delivery that the step asked for is its answer.
    let step = fact.run.clone().filter(|step| notify::id(step.run, step.instance) == fact.id);
    let Some(step) = step else { return Outcome::Done };
    let key = (fact.team.clone(), step.run);
    let heard = Heard::Delivery { instance: step.instance, fact };
    runs.hear(key, Item::new(heard, incoming.meta.delivered)).await
}
