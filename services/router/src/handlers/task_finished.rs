//! Tasks have ended: learn from their attempts.

use crate::{
    board::Board,
    domain::{
        circuit::Health,
        observe::{Observation, observe},
    },
    statistics::Store,
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{finished::TaskFinished, ids::TaskId, names::Origin};
use std::time::Duration;

/// Pause before statistics that could not be stored are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Takes the attempts of a batch of tasks into the statistics, each attempt once.
pub async fn handle(board: &Board, store: &Store, batch: Vec<Incoming<TaskFinished>>) -> Outcome {
    let observations: Vec<Observation> = batch
        .iter()
        .flat_map(|incoming| {
            let finished = &incoming.message;
            finished.attempts.iter().filter_map(|attempt| observe(attempt, finished.task_type))
        })
        .collect();
    // Failures were heard at once, from their own fact.
    for success in observations.iter().filter(|observation| observation.health == Health::Answered) {
        board.notice(success);
    }
    if let Err(error) = store.count_shadows(&answered_copies(&batch)).await {
        tracing::debug!(%error, "cannot count copies yet");
        return Outcome::Retry { after: RETRY };
    }
    keep(store, &observations).await
}

/// The copies of tasks that were answered, with the models that did.
fn answered_copies(batch: &[Incoming<TaskFinished>]) -> Vec<(String, TaskId)> {
    let copies = batch.iter().map(|incoming| &incoming.message).filter(|finished| finished.origin == Origin::Shadow);
    copies.filter_map(|finished| Some((finished.winner()?.model.clone(), finished.id))).collect()
}

/// Stores observations, or asks for them again when Redis is away.
pub(super) async fn keep(store: &Store, observations: &[Observation]) -> Outcome {
    match store.observe(observations).await {
        Ok(_) => Outcome::Done,
        Err(error) => {
            tracing::debug!(%error, count = observations.len(), "cannot store statistics yet");
            Outcome::Retry { after: RETRY }
        }
    }
}
