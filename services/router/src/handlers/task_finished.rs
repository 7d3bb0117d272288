//! Tasks have ended: learn from their attempts, from what was checked, and from what was asked again.

use crate::{
    board::Board,
    domain::{
        circuit::Health,
        headroom::{Heard, heard},
        lesson::{Lesson, of_validation},
        observe::{Observation, observe},
        repeat::{Asking, asking},
    },
    judge::Judges,
    statistics::{Learnt, Store},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{attempt::HEDGE, finished::TaskFinished, ids::TaskId, shadow::original};
use redis::RedisError;
use std::time::Duration;

/// Pause before statistics that could not be stored are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Takes a batch of finished tasks into the statistics: attempts, checks and repeats, each once. Answers
/// that were drawn go to their judges, and what judges said is told.
pub async fn handle(board: &Board, judges: &Judges, batch: Vec<Incoming<TaskFinished>>) -> Outcome {
    let store = judges.store.as_ref();
    let limits: Vec<Heard> =
        batch.iter().flat_map(|incoming| incoming.message.attempts.iter().filter_map(heard)).collect();
    board.hear(&limits);
    let finished: Vec<&TaskFinished> = batch.iter().map(|incoming| &incoming.message).collect();
    for attempt in batch.iter().flat_map(|incoming| &incoming.message.attempts) {
        board.called(attempt.purpose.as_deref() == Some(HEDGE));
    }
    // Failures were heard at once, from their own fact.
    for success in observations(&finished).iter().filter(|observation| observation.health == Health::Answered) {
        board.notice(success);
    }
    let copies = answered_copies(&batch);
    let (taken, heard, counted, ()) = tokio::join!(
        take_in(store, &finished),
        store.hear(&limits),
        store.count_shadows(&copies),
        judges.see_to(&finished)
    );
    match taken.and(heard.map(drop)).and(counted.map(drop)) {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::debug!(%error, count = finished.len(), "cannot store statistics yet");
            Outcome::Retry { after: RETRY }
        }
    }
}

/// The copies of tasks that were answered, with the models that did.
fn answered_copies(batch: &[Incoming<TaskFinished>]) -> Vec<(String, TaskId)> {
    let copies = batch.iter().map(|incoming| &incoming.message).filter(|finished| original(finished).is_some());
    copies.filter_map(|finished| Some((finished.winner()?.model.clone(), finished.id))).collect()
}

/// Takes in everything that finished tasks teach. Again it changes nothing.
///
/// # Errors
/// Redis does not answer.
pub async fn take_in(store: &Store, finished: &[&TaskFinished]) -> Result<(), RedisError> {
    store.observe(&observations(finished)).await?;
    let askings: Vec<Asking> = finished.iter().filter_map(|finished| asking(finished)).collect();
    let repeats = store.ask(&askings).await?;
    let repeated = repeats.into_iter().filter(|repeat| repeat.own.is_above(repeat.others)).map(|repeat| repeat.lesson);
    let lessons: Vec<Lesson> = finished.iter().flat_map(|finished| of_validation(finished)).chain(repeated).collect();
    learn(store, &lessons).await.map(drop)
}

/// A lesson that says no more than what was known.
const IGNORED: &str = "ignored";

/// Takes in lessons, and tells when a model is no longer what it was.
///
/// # Errors
/// Redis does not answer.
pub async fn learn(store: &Store, lessons: &[Lesson]) -> Result<Vec<Learnt>, RedisError> {
    let learnt = store.learn(lessons).await?;
    let taught = lessons.iter().zip(&learnt).filter(|(_, learnt)| learnt.effect != IGNORED);
    store.keep_heard(taught.map(|(lesson, _)| lesson)).await?;
    store.advance().await?;
    for (lesson, learnt) in lessons.iter().zip(&learnt) {
        for context in &learnt.changed {
            tracing::warn!(model.id = lesson.model, context, "a model's answers are no longer what they were");
        }
    }
    Ok(learnt)
}

fn observations(finished: &[&TaskFinished]) -> Vec<Observation> {
    let of_task = |finished: &&TaskFinished| {
        let task_type = finished.task_type;
        finished.attempts.iter().filter_map(move |attempt| observe(attempt, task_type)).collect::<Vec<_>>()
    };
    finished.iter().flat_map(of_task).collect()
}

/// Stores observations and what was heard of limits, or asks for them again when Redis is away.
pub(super) async fn keep(store: &Store, observations: &[Observation], limits: &[Heard]) -> Outcome {
    let (observed, heard) = tokio::join!(store.observe(observations), store.hear(limits));
    let stored = match observed.and(heard) {
        Ok(_) => store.advance().await,
        Err(error) => Err(error),
    };
    match stored {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::debug!(%error, count = observations.len(), "cannot store statistics yet");
            Outcome::Retry { after: RETRY }
        }
    }
}
