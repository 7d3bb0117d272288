//! Fills Redis from the facts when it lost what was learnt from them, or may have. A Redis that was started again
//! with its data is recognised, and kept ([`State::Restarted`]).
//!
//! The facts of a day (finished tasks) and of a week (feedback) are still in their streams. One replica
//! reads them again, in the order in which they were stored, and takes them in by the same scripts as
//! the first time. So it may be interrupted at any point and begun again, and what arrives meanwhile is
//! counted once, whoever is first. No decision waits: each replica keeps what it last read, or the
//! priors of the resources, and says so in its explanations.
//!
//! Feedback about a task whose fact has left its stream is put in its place with the help of the
//! ledger. Where metering does not answer that feedback is left out, and told.

use crate::{
    domain::lesson::{Lesson, of_feedback},
    handlers::task_finished::{learn, take_in},
    statistics::{State, Store},
};
use futures::{Stream, StreamExt as _, stream::Peekable};
use neptune_bus::{Bus, BusError, Stored};
use neptune_contracts::{Message, Timestamp, feedback::FeedbackGiven, finished::TaskFinished, query::TaskQuery};
use std::{pin::Pin, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, timeout};

/// Between two looks whether Redis is whole.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A broker that is silent for so long is asked again from the beginning.
const PATIENCE: Duration = Duration::from_secs(10);
/// Facts taken in at a time; as long as a batch of the consumer, so that Redis serves others between.
const BATCH: usize = 64;
/// Only the newest facts of a stream are read: an hour of a very busy system. Older ones have faded.
const MOST_FACTS: u64 = 1_000_000;

/// Why the statistics are not rebuilt yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis does not answer.
    #[error("redis does not answer")]
    Redis(#[from] redis::RedisError),
    /// The facts cannot be read.
    #[error("the facts cannot be read")]
    Facts(#[from] BusError),
    /// The broker is silent.
    #[error("the broker handed out no fact for {} s", PATIENCE.as_secs())]
    Silent,
    /// The turn is over: Redis lost its data again, or this replica was too slow.
    #[error("the turn to rebuild is over")]
    Overtaken,
}

/// What was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Finished tasks.
    pub tasks: u64,
    /// Feedback.
    pub feedback: u64,
    /// Feedback about tasks that nothing is known of any more.
    pub left_out: u64,
}

/// Sees to it that Redis is whole, for as long as the router runs.
pub async fn keep_whole(bus: Bus, store: Arc<Store>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // While Redis is away nothing can be said about it.
        let Ok(is_lost) = look(&store).await else { continue };
        if !is_lost || !store.take_turn(store.replica()).await.unwrap_or(false) {
            continue;
        }
        match rebuild(&bus, &store, store.replica()).await {
            Ok(rebuilt) => tracing::info!(
                tasks = rebuilt.tasks,
                feedback = rebuilt.feedback,
                left_out = rebuilt.left_out,
                "rebuilt the routing statistics from the facts"
            ),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the routing statistics are not rebuilt yet, trying again"
            ),
        }
    }
}

/// Whether Redis has to be filled again. Settles what this replica can settle by itself.
async fn look(store: &Store) -> Result<bool, redis::RedisError> {
    match store.state().await? {
        State::Whole => {
            store.remember_whole().await?;
            Ok(false)
        }
        State::Restarted { mark, next } => {
            if store.replace_mark(&mark, &next).await? {
                tracing::info!("redis was started again and has all routing statistics");
            }
            Ok(false)
        }
        State::Short { mark } => {
            store.replace_mark(&mark, "").await?;
            Ok(true)
        }
        State::Lost => Ok(true),
    }
}

/// Takes in every stored fact, in the turn of `replica`, and marks the statistics as whole.
///
/// # Errors
/// Redis or the broker are away, or the turn is over.
pub async fn rebuild(bus: &Bus, store: &Store, replica: &str) -> Result<Rebuilt, Error> {
    let run = store.run().await?;
    let mut tasks = Box::pin(bus.stored::<TaskFinished>(MOST_FACTS).await?.peekable());
    let mut feedback = Box::pin(bus.stored::<FeedbackGiven>(MOST_FACTS).await?.peekable());
    let mut rebuilt = Rebuilt::default();
    let mut batch: Vec<TaskFinished> = Vec::with_capacity(BATCH);
    loop {
        let (task_at, said_at) = (next_at(tasks.as_mut()).await?, next_at(feedback.as_mut()).await?);
        let is_task = task_at.is_some_and(|task_at| said_at.is_none_or(|said_at| task_at <= said_at));
        if is_task {
            let task = tasks.next().await.transpose()?;
            batch.extend(task.map(|stored| stored.message));
        }
        // Order is kept: what was said about a task comes after those that had ended by then.
        if batch.len() >= BATCH || !is_task {
            rebuilt.tasks += flush(store, &mut batch, replica).await?;
        }
        if !is_task {
            let Some(said) = feedback.next().await.transpose()? else { break };
            match lesson(bus, &said.message).await? {
                Some(lesson) => drop(learn(store, &[lesson]).await?),
                None => rebuilt.left_out += 1,
            }
            rebuilt.feedback += 1;
        }
    }
    if store.end_turn(replica, &run).await? { Ok(rebuilt) } else { Err(Error::Overtaken) }
}

/// When the next fact was stored; nothing after the last one.
async fn next_at<M: Message, S>(facts: Pin<&mut Peekable<S>>) -> Result<Option<Timestamp>, Error>
where
    S: Stream<Item = Result<Stored<M>, BusError>>,
{
    let next = timeout(PATIENCE, facts.peek()).await.map_err(|_elapsed| Error::Silent)?;
    // A failure is taken out, and told, by whoever takes the next one.
    Ok(next.map(|next| next.as_ref().map_or(Timestamp::EPOCH, |stored| stored.stored_at)))
}

async fn flush(store: &Store, batch: &mut Vec<TaskFinished>, replica: &str) -> Result<u64, Error> {
    if !store.keep_turn(replica).await? {
        return Err(Error::Overtaken);
    }
    take_in(store, &batch.iter().collect::<Vec<_>>()).await?;
    let count = u64::try_from(batch.len()).unwrap_or(0);
    batch.clear();
    Ok(count)
}

/// What feedback teaches; nothing when its task is not known any more, or teaches nothing.
async fn lesson(bus: &Bus, feedback: &FeedbackGiven) -> Result<Option<Lesson>, BusError> {
    let Some(team) = &feedback.team else { return Ok(None) };
    let finished = match bus.result(team, feedback.task).await? {
        Some(finished) => Some(finished),
        None => {
            let query = TaskQuery { id: feedback.task, team: Some(team.clone()) };
            bus.request(&query).await.ok().map(|view| view.finished)
        }
    };
    Ok(finished.and_then(|finished| of_feedback(feedback, &finished).ok()))
}
