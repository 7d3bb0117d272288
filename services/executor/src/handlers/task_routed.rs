//! A task with its plan: make the attempts, store the fact.

use crate::{
    admission,
    attempts::{Attempts, Caller, Followed},
    batches::{self, Batches},
    cancels::Cancels,
    domain::{
        finish::{self, Answered, Ending, Unanswered},
        note::{Note, skip_failed},
        prompt::Prompt,
    },
    used::Used,
};
use neptune_bus::{Accept, BusError, Cause, Finish, Held, Incoming, Outcome, PublishError};
use neptune_contracts::{
    Timestamp, attempt::Attempt, finished::TaskFinished, names::Lane, output::Checks, plan::TaskRouted,
    problem::Problem,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Tries to store a fact that cost money, each of which bridges half a minute without a broker.
const STORE_TRIES: u32 = 4;
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the handler works with.
pub struct TaskRoutedHandler {
    /// Makes attempts.
    pub caller: Caller,
    /// Governance's public key.
    pub governance_key: ed25519_dalek::VerifyingKey,
    /// Tasks whose answers are not wanted any more.
    pub cancels: Cancels,
    /// Accepts that were worked on.
    pub used: Used,
    /// Tasks that wait for batches.
    pub batches: Arc<Batches>,
    /// The longest that a task without a deadline waits for a model with room, in milliseconds.
    pub park_at_most_ms: u64,
}

/// Why a task was left to be handed out again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Left {
    /// The bus could not be asked.
    #[error("the bus could not be asked")]
    Bus(#[from] BusError),
    /// A message was not stored.
    #[error("a message was not stored")]
    Publish(#[from] PublishError),
    /// It could not be collected for a batch.
    #[error("the task could not be collected for a batch")]
    Batch(#[from] batches::Error),
    /// Another executor may have the task by now.
    #[error("the lease was lost")]
    Lost,
}

/// The task as it came, and the right to end it.
pub(super) struct Work<'w> {
    pub(super) accept: &'w Accept,
    pub(super) cause: &'w Cause,
    held: Held,
    /// Calls of an executor that died, which may be made again.
    again: Vec<Attempt>,
    started_at: Timestamp,
}

/// Makes the attempts of a plan and stores the finished fact.
///
/// The task is put aside before anything is awaited: each layer of what follows would have room for it once more, as long
/// as the call takes.
pub fn handle(handler: Arc<TaskRoutedHandler>, incoming: Incoming<TaskRouted>) -> impl Future<Output = Outcome> + Send {
    let (cause, accept, routed) = (incoming.cause(), incoming.accept().cloned(), Box::new(incoming.message));
    async move {
        let Some(accept) = accept else {
            return Outcome::Reject { reason: "the task came without its accept".into() };
        };
        let task = routed.task.id;
        let Some(using) = handler.used.begin(&accept.name(), Instant::now()) else {
            tracing::debug!(task.id = %task, "handed out a second time, which the broker does not know");
            return Outcome::HandedOn;
        };
        match handler.handle(routed, &accept, &cause).await {
            Ok(true) => {
                using.end();
                Outcome::HandedOn
            }
            Ok(false) => Outcome::HandedOn,
            Err(error) => {
                tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "left to be handed out again");
                Outcome::Retry { after: Duration::ZERO }
            }
        }
    }
}

/// Within this time the broker itself recognises a repeated submit.
const FRESH_SECONDS: u64 = 540;

impl TaskRoutedHandler {
    /// True when the task has ended by this.
    async fn handle(&self, mut routed: Box<TaskRouted>, accept: &Accept, cause: &Cause) -> Result<bool, Left> {
        // An id that is old enough to have left the broker's duplicate window may be a repeat.
        // And so may be a parked one: who stored its timer may have died before its first accept ended.
        let is_parked = routed.task.parked.is_some();
        let may_be_repeat = is_parked || !routed.task.id.is_younger_than(FRESH_SECONDS, Timestamp::now());
        if (accept.delivery() > 1 || may_be_repeat) && self.is_finished(&routed, accept, cause).await? {
            return Ok(true);
        }
        let key = format!("{}.{}", routed.task.team, routed.task.id);
        // The admission is checked while the broker answers.
        let lease = async {
            if is_parked { self.caller.bus.lease(&key).await } else { self.caller.bus.lease_for(&key, accept).await }
        };
        let (lease, prompt) = tokio::join!(lease, async { self.admitted(&routed) });
        let Some(lease) = lease? else {
            tracing::debug!(task.id = %routed.task.id, "another executor works on it");
            return Ok(false);
        };
        let held = lease.hold(accept);
        let again = if accept.delivery() > 1 { self.take_over(&mut routed).await? } else { Vec::new() };
        let work = Work { accept, cause, held, again, started_at: Timestamp::now() };
        let (prompt, checks) = match prompt {
            Ok(asked) => asked,
            Err(reason) => {
                tracing::error!(task.id = %routed.task.id, reason, "an admission does not hold");
                return self.end(routed, Err(finish::not_admitted(reason)), Vec::new(), &work).await;
            }
        };
        let may_be_repeat = may_be_repeat || accept.delivery() > 1;
        let can_wait = routed.task.constraints.lane == Lane::Batch && self.batches.are_used();
        if can_wait && Box::pin(self.collect(&routed, (&prompt, may_be_repeat), &work)).await? {
            work.held.release().await;
            return Ok(false);
        }
        self.follow(routed, (&prompt, checks.as_ref()), work).await
    }

    /// Takes over what an executor that died had begun: its attempts belong to the fact, and those that can be
    /// repeated are returned.
    async fn take_over(&self, routed: &mut TaskRouted) -> Result<Vec<Attempt>, Left> {
        let task = &routed.task;
        let Some(note) = self.caller.bus.noted::<Note>((&task.team, task.id)).await? else { return Ok(Vec::new()) };
        let revision = self.caller.resources.borrow().revision;
        let parked = task.parking().map_or(0, |parking| parking.times);
        let left = note.left(revision, parked, &routed.attempts_made);
        if !(left.made.is_empty() && left.again.is_empty()) {
            tracing::info!(task.id = %task.id, made = left.made.len(), again = left.again.len(), "goes on after an executor that died");
        }
        skip_failed(&mut routed.plan, &left.made);
        routed.attempts_made.extend(left.made);
        Ok(left.again)
    }

    /// A task handed out again may have been finished by whoever had it before.
    async fn is_finished(&self, routed: &TaskRouted, accept: &Accept, cause: &Cause) -> Result<bool, Left> {
        let Some(finished) = self.caller.bus.result(&routed.task.team, routed.task.id).await? else { return Ok(false) };
        // Storing it again is refused, and acknowledges the accept.
        self.caller.bus.finish(&finished, accept, cause).await?;
        Ok(true)
    }

    fn admitted(&self, routed: &TaskRouted) -> Result<(Prompt, Option<Checks>), String> {
        let prompt = Prompt::write(&routed.task.input).map_err(|error| error.to_string())?;
        admission::verify(routed, &prompt, &self.governance_key).map_err(|error| error.to_string())?;
        let faults = |faults: Vec<Problem>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let checks = routed.task.output.as_ref().filter(|output| output.has_checks());
        let checks = checks.map(|output| output.checks().map_err(faults)).transpose()?;
        Ok((prompt, checks))
    }

    async fn follow(
        &self,
        mut routed: Box<TaskRouted>,
        asked: (&Prompt, Option<&Checks>),
        work: Work<'_>,
    ) -> Result<bool, Left> {
        if self.wait_for_room(&mut routed, &work).await? {
            work.held.release().await;
            return Ok(false);
        }
        let wanted = self.cancels.watch(&routed.task.team, routed.task.id);
        let attempts = Attempts::new(&self.caller, &routed, asked, (work.cause, wanted.token()));
        let mut attempts = attempts.going_on(work.again.clone());
        let followed = tokio::select! {
            followed = attempts.follow() => Some(followed),
            () = work.held.lost() => None,
        };
        let made = attempts.settle().await;
        let followed = followed.ok_or(Left::Lost)?;
        if let Followed::Ended(end, _) = &followed
            && self.park(&routed, (*end, &made), &work).await?
        {
            work.held.release().await;
            return Ok(false);
        }
        let result = match followed {
            Followed::HandOver(index) => return self.hand_over(routed, index, made, work).await,
            Followed::Answered(answered) => Ok(answered),
            Followed::Ended(end, invalid) => {
                let before = routed.task.attempts_before().iter().chain(&routed.attempts_made);
                let all: Vec<&Attempt> = before.chain(&made).collect();
                Err(finish::unanswered(end, &all, invalid))
            }
        };
        self.end(routed, result, made, &work).await
    }

    async fn hand_over(
        &self,
        mut routed: Box<TaskRouted>,
        index: usize,
        made: Vec<Attempt>,
        work: Work<'_>,
    ) -> Result<bool, Left> {
        routed.plan.attempts.drain(..index);
        routed.attempts_made.extend(made);
        work.held.release().await;
        self.caller.bus.hand_on(&*routed, work.cause).await?;
        tracing::debug!(task.id = %routed.task.id, "handed over to another zone");
        Ok(false)
    }

    async fn end(
        &self,
        routed: Box<TaskRouted>,
        result: Result<Answered, Unanswered>,
        made: Vec<Attempt>,
        work: &Work<'_>,
    ) -> Result<bool, Left> {
        let finished = finish::finished(
            *routed,
            Ending { result, made, started_at: work.started_at, finished_at: Timestamp::now() },
        );
        let (finished, stored) = self.store(finished, work).await?;
        let cost_pico_usd = finished.cost_usd.0;
        if stored == Finish::Already {
            tracing::warn!(task.id = %finished.id, cost_pico_usd, "was finished by somebody else; this work is lost");
        } else {
            tracing::info!(task.id = %finished.id, outcome = finished.outcome.as_str(), attempts = finished.attempts.len(), cost_pico_usd, "finished");
        }
        Ok(true)
    }

    /// Stores the fact. What was paid for is not given up at the first fault of the broker.
    async fn store(&self, mut finished: TaskFinished, work: &Work<'_>) -> Result<(TaskFinished, Finish), Left> {
        let mut tries = 1;
        loop {
            match self.caller.bus.finish(&finished, work.accept, work.cause).await {
                Ok(stored) => return Ok((finished, stored)),
                Err(error @ PublishError::TooLarge { .. }) if finished.output.is_some() => {
                    finished = finish::without_output(finished, error.to_string());
                }
                Err(error) if tries < STORE_TRIES => {
                    tracing::warn!(task.id = %finished.id, error = &error as &dyn std::error::Error, "a finished fact was not stored, trying again");
                    tokio::time::sleep(STORE_PAUSE).await;
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
