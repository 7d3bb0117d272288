//! Storing a task, and waiting for its fact.

use crate::{
    domain::{keys::Caller, repeat},
    gate::Door,
    problem::Fault,
};
use neptune_bus::{Cause, Chunks, Waiting};
use neptune_contracts::{
    fingerprint::Fingerprint, finished::TaskFinished, ids::TaskId, names::Team, parked::Parked, problem::Problem,
    task::TaskSubmitted,
};
use std::time::Duration;
use tokio::time::Instant;

/// An `Idempotency-Key` whose task was turned away for the moment stands for a new task; so often.
const MAX_ROUNDS: u32 = 64;
/// A waiting caller looks for the stored fact this often, in case its answer was lost on the way.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The answer to a task that was submitted before goes to whoever did; others look for the fact
/// at first after this time, and then at twice the time, up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A task that is stored.
pub(crate) struct Submitted {
    /// Its id.
    pub(crate) id: TaskId,
    /// How it ended, when that is known in time.
    pub(crate) finished: Option<Box<TaskFinished>>,
}

/// How a request wants its task handled.
pub(crate) struct Wish<'r> {
    /// The same key of the same team is the same task.
    pub(crate) idempotency_key: Option<&'r str>,
    /// How long to wait for the fact.
    pub(crate) wait: Option<Duration>,
    /// What caused it.
    pub(crate) cause: Cause,
    /// The deadline, when it was given as milliseconds from now.
    pub(crate) deadline_in_ms: Option<&'r str>,
}

/// A task as it was stored.
pub(crate) struct Stored {
    /// Its id.
    pub(crate) id: TaskId,
    /// How it ended, when it came before and has.
    pub(crate) finished: Option<Box<TaskFinished>>,
    /// Where its fact arrives, when somebody waits for it.
    pub(crate) waiting: Option<Expected>,
    /// The pieces of its answer, when they were asked for.
    pub(crate) chunks: Option<Chunks>,
    /// Nobody stored it before.
    pub(crate) is_new: bool,
    said: Option<Box<Fingerprint>>,
}

/// A fact that is waited for.
pub(crate) struct Expected {
    waiting: Waiting,
    /// The first pause before the store is looked at.
    pause: Duration,
}

impl Stored {
    /// Checks that a fact is of a task that asked for the same.
    ///
    /// # Errors
    /// It asked for something else.
    pub(crate) fn check(&self, finished: &TaskFinished) -> Result<(), Fault> {
        let Some(said) = &self.said else { return Ok(()) };
        let differences = repeat::differences(said, finished);
        if differences.is_empty() { Ok(()) } else { Err(reused(&differences).about(self.id)) }
    }
}

/// Stores the task and waits as it is wished. A task that came before is not stored again.
///
/// # Errors
/// The task is not stored; or one of its id or key came before and asked for something else.
pub(crate) async fn submit(
    door: &Door,
    caller: &Caller,
    task: TaskSubmitted,
    wish: Wish<'_>,
) -> Result<Submitted, Fault> {
    let deadline = wish.wait.map(|wait| Instant::now() + wait);
    let mut stored = store(door, caller, task, (wish, false)).await?;
    let mut finished = stored.finished.take();
    if let (None, Some(expected), Some(deadline)) = (&finished, stored.waiting.take(), deadline) {
        finished = wait_for(door, &caller.team, stored.id, expected, deadline).await;
    }
    if let Some(finished) = &finished {
        stored.check(finished)?;
    }
    Ok(Submitted { id: stored.id, finished })
}

/// Stores the task. A task that came before is not stored again. With `with_chunks` the pieces of its
/// answer are listened to before it can have any.
///
/// # Errors
/// The task is not stored; or one of its id or key came before, has ended, and asked for something else.
pub(crate) async fn store(
    door: &Door,
    caller: &Caller,
    mut task: TaskSubmitted,
    (wish, with_chunks): (Wish<'_>, bool),
) -> Result<Stored, Fault> {
    let (id, finished) = identify(door, caller, &task, wish.idempotency_key).await?;
    tracing::Span::current().record("task.id", tracing::field::display(id));
    // Only a caller that can name the task again can repeat it.
    if wish.idempotency_key.is_some() || task.id.is_some() {
        task.fingerprint = Some(Box::new(repeat::fingerprint(&task, wish.deadline_in_ms)));
    }
    task.id = Some(id);
    let said = task.fingerprint.clone();
    let mut stored = Stored { id, finished, waiting: None, chunks: None, is_new: false, said };
    if let Some(finished) = &stored.finished {
        stored.check(finished)?;
        return Ok(stored);
    }
    if with_chunks {
        let unheard = |_| Fault::unavailable("bus_unavailable", "the answer cannot be followed; send it again");
        stored.chunks = Some(door.bus.chunks(&caller.team, id).await.map_err(unheard)?);
    }
    let mut cause = wish.cause;
    let waiting = wish.wait.map(|_| {
        let (reply_to, waiting) = door.replies.expect();
        cause = std::mem::replace(&mut cause, Cause::root()).with_reply_to(reply_to);
        waiting
    });
    let published = door.bus.publish(&task, &cause).await;
    // A queue that is full stores again as soon as it has room; that is no fault.
    if !published.as_ref().is_err_and(neptune_bus::PublishError::is_full) {
        door.refused.saw(&published);
    }
    let published = published.map_err(|error| not_stored(&error, id))?;
    let pause = if published.duplicate { FIRST_PAUSE } else { LOOK_EVERY };
    stored.is_new = !published.duplicate;
    stored.waiting = waiting.map(|waiting| Expected { waiting, pause });
    Ok(stored)
}

fn reused(differences: &[&str]) -> Fault {
    let text = format!(
        "a task of this id or Idempotency-Key had another {}; repeat the request unchanged, or choose a new one",
        differences.join(", ")
    );
    let text_of_part = "differs from the first request of this id or Idempotency-Key";
    let problem = |part: &&str| Problem::new(*part, text_of_part, "repeat it unchanged, or choose a new id or key");
    let problems = differences.iter().map(problem).collect();
    Fault::new(422, "invalid_request_error", "idempotency_key_reused", text).with_problems(problems)
}

/// The task's id, and its fact when it has ended before.
async fn identify(
    door: &Door,
    caller: &Caller,
    task: &TaskSubmitted,
    idempotency_key: Option<&str>,
) -> Result<(TaskId, Option<Box<TaskFinished>>), Fault> {
    let Some(key) = idempotency_key else {
        return Ok(match task.id {
            Some(id) => (id, stored(door, &caller.team, id).await?),
            None => (TaskId::mint(), None),
        });
    };
    for round in 0..MAX_ROUNDS {
        let id = door.keys.task_id(&caller.team, key, round);
        let finished = stored(door, &caller.team, id).await?;
        if finished.as_ref().is_none_or(|finished| repeat::binds(finished)) {
            return Ok((id, finished));
        }
    }
    let text = "this Idempotency-Key was turned away too often; choose a new one";
    Err(Fault::new(429, "rate_limit_error", "idempotency_key_spent", text))
}

/// The fact, from the inbox or else from the store; nothing when it is not there by the deadline or
/// the ingress closes.
pub(crate) async fn wait_for(
    door: &Door,
    team: &Team,
    id: TaskId,
    Expected { waiting, pause }: Expected,
    deadline: Instant,
) -> Option<Box<TaskFinished>> {
    let answered = async {
        match waiting.wait(deadline.saturating_duration_since(Instant::now())).await {
            Some(finished) => Box::new(finished),
            // Too late, or not readable: the store has it if anybody.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        finished = answered => Some(finished),
        finished = look_for(door, team, id, pause) => Some(finished),
        () = tokio::time::sleep_until(deadline) => stored(door, team, id).await.ok().flatten(),
        () = door.closing.cancelled() => None,
    }
}

async fn look_for(door: &Door, team: &Team, id: TaskId, mut pause: Duration) -> Box<TaskFinished> {
    loop {
        tokio::time::sleep(pause).await;
        // While the broker is away there is nothing to do but to ask again.
        if let Ok(Some(finished)) = stored(door, team, id).await {
            return finished;
        }
        pause = if pause < MAX_PAUSE { (pause * 2).min(MAX_PAUSE) } else { pause };
    }
}

/// The stored fact of a task of `team`.
///
/// # Errors
/// The broker could not be asked.
pub(crate) async fn stored(door: &Door, team: &Team, id: TaskId) -> Result<Option<Box<TaskFinished>>, Fault> {
    door.bus.result(team, id).await.map(|finished| finished.map(Box::new)).map_err(|error| {
        tracing::debug!(task.id = %id, error = &error as &dyn std::error::Error, "a result could not be read");
        Fault::unavailable("bus_unavailable", "results cannot be read right now; ask again").about(id)
    })
}

/// Whether a task of `team` that has no fact is under way.
///
/// # Errors
/// The broker could not be asked.
pub(crate) async fn is_under_way(door: &Door, team: &Team, id: TaskId) -> Result<bool, Fault> {
    door.bus.is_under_way(team, id).await.map_err(|error| unlooked(id, &error))
}

/// Since when, until when and why a task of `team` waits, where it does.
///
/// # Errors
/// The broker could not be asked.
pub(crate) async fn parked(door: &Door, team: &Team, id: TaskId) -> Result<Option<Box<Parked>>, Fault> {
    door.bus.parked(team, id).await.map_err(|error| unlooked(id, &error))
}

fn unlooked(id: TaskId, error: &neptune_bus::BusError) -> Fault {
    tracing::debug!(task.id = %id, error = error as &dyn std::error::Error, "a task could not be looked for");
    Fault::unavailable("bus_unavailable", "tasks cannot be looked for right now; ask again").about(id)
}

/// There is no such task.
pub(crate) fn unknown(id: TaskId) -> Fault {
    let text = "no task of this id is under way, or has ended within 24 hours: it was never submitted, or ended before";
    Fault::new(404, "invalid_request_error", "unknown_task", text).about(id)
}

/// Why something about a task was not stored.
pub(crate) fn not_stored(error: &neptune_bus::PublishError, id: TaskId) -> Fault {
    tracing::debug!(task.id = %id, error = error as &dyn std::error::Error, "a task was not stored");
    Fault::from(error).about(id)
}
