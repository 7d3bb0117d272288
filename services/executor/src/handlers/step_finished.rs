//! The task of a run's step has ended.

use crate::{
    domain::run::course::Heard,
    runs::{Runs, mailbox::Item},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::finished::TaskFinished;
use std::sync::Arc;

/// Tells the run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<TaskFinished>) -> Outcome {
    let fact = Box::new(incoming.message);
    let step = fact.step.as_ref().and_then(|step| Some((step.run, step.instance?)));
    // Only the task that the step asked for is its answer.
    let Some((run, instance)) = step.filter(|(run, instance)| run.task(*instance) == fact.id) else {
        return Outcome::Done;
    };
    let key = (fact.team.clone(), run);
    let heard = Heard::Task { instance, fact };
    runs.hear(key, Item::new(heard, incoming.meta.delivered)).await
}
