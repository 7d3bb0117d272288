//! Tasks have ended: learn from their attempts.

use crate::{
    board::Board,
    domain::{
        circuit::Health,
        headroom::{Heard, heard},
        observe::{Observation, observe},
    },
    statistics::Store,
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::finished::TaskFinished;
use std::time::Duration;

/// Pause before statistics that could not be stored are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Takes the attempts of a batch of tasks into the statistics, each attempt once.
pub async fn handle(board: &Board, store: &Store, batch: Vec<Incoming<TaskFinished>>) -> Outcome {
    let limits: Vec<Heard> =
        batch.iter().flat_map(|incoming| incoming.message.attempts.iter().filter_map(heard)).collect();
    board.hear(&limits);
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
    keep(store, &observations, &limits).await
}

/// Stores observations and what was heard of limits, or asks for them again when Redis is away.
pub(super) async fn keep(store: &Store, observations: &[Observation], limits: &[Heard]) -> Outcome {
    let (observed, heard) = tokio::join!(store.observe(observations), store.hear(limits));
    match observed.and(heard) {
        Ok(_) => Outcome::Done,
        Err(error) => {
            tracing::debug!(%error, count = observations.len(), "cannot store statistics yet");
            Outcome::Retry { after: RETRY }
        }
    }
}
