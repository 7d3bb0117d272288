//! A task with its plan: make the attempts, store the fact.

use crate::{
    admission,
    domain::{
        finish::{self, Ending},
        pace::time_for_attempt,
        price,
        step::{self, Step},
    },
    provider::{Call, Provider},
};
use neptune_bus::{Accept, Bus, BusError, Cause, Finish, Held, Incoming, Outcome, PublishError};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, AttemptError, AttemptFailed, ErrorClass, Usage},
    finished::{Outcome as TaskOutcome, TaskError},
    ids::AttemptId,
    names::Zone,
    plan::{PlannedAttempt, TaskRouted},
    resource::{ModelSpec, Resources},
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// What the handler works with.
pub struct TaskRoutedHandler {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Calls models.
    pub provider: Provider,
    /// Governance's public key.
    pub governance_key: Vec<u8>,
    /// Zones it serves.
    pub zones: Vec<Zone>,
}

/// Why a task was left to be handed out again.
#[derive(Debug, thiserror::Error)]
enum Left {
    /// The bus could not be asked.
    #[error("the bus could not be asked")]
    Bus(#[from] BusError),
    /// A message was not stored.
    #[error("a message was not stored")]
    Publish(#[from] PublishError),
    /// Another executor has the task by now.
    #[error("another executor has the task")]
    Lost,
}

/// Makes the attempts of a plan and stores the finished fact.
pub async fn handle(handler: Arc<TaskRoutedHandler>, incoming: Incoming<TaskRouted>) -> Outcome {
    let cause = incoming.cause();
    let Some(accept) = incoming.accept().cloned() else {
        return Outcome::Reject { reason: "the task came without its accept".into() };
    };
    let task = incoming.message.task.id;
    match handler.work(incoming.message, &accept, &cause).await {
        Ok(()) => Outcome::HandedOn,
        Err(error) => {
            tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "left to be handed out again");
            Outcome::Retry { after: Duration::ZERO }
        }
    }
}

impl TaskRoutedHandler {
    async fn work(&self, routed: TaskRouted, accept: &Accept, cause: &Cause) -> Result<(), Left> {
        if accept.delivery() > 1 && self.is_finished(&routed, accept, cause).await? {
            return Ok(());
        }
        // Each zone's part of a plan has a lease of its own, so that a hand-over need not wait.
        let key = format!("{}.{}.{}", routed.task.team, routed.task.id, routed.attempts_made.len());
        let Some(lease) = self.bus.lease(&key).await? else {
            tracing::debug!(task.id = %routed.task.id, "another executor works on it");
            return Ok(());
        };
        let held = lease.hold(accept);
        let started_at = Timestamp::now();
        if let Err(error) = admission::verify(&routed.task, &routed.admission, &self.governance_key) {
            tracing::error!(task.id = %routed.task.id, %error, "an admission does not verify");
            let error = finish::error("admission_invalid", error.to_string(), None);
            return self.store(routed, failed(TaskOutcome::Failed, error, started_at), accept, cause).await;
        }
        self.follow_plan(routed, &held, accept, cause, started_at).await
    }

    /// A task handed out again may have been finished by whoever had it before.
    async fn is_finished(&self, routed: &TaskRouted, accept: &Accept, cause: &Cause) -> Result<bool, Left> {
        let Some(finished) = self.bus.result(&routed.task.team, routed.task.id).await? else { return Ok(false) };
        // Storing it again is refused, and acknowledges the accept.
        self.bus.finish(&finished, accept, cause).await?;
        Ok(true)
    }

    async fn follow_plan(&self, mut routed: TaskRouted, held: &Held, accept: &Accept, cause: &Cause, started_at: Timestamp) -> Result<(), Left> {
        let mut made: Vec<Attempt> = Vec::new();
        let mut output = None;
        loop {
            let failure = match step::next(&routed, &made, &self.zones, Timestamp::now()) {
                Step::Attempt(planned) => {
                    let (attempt, answer) = tokio::select! {
                        attempted = self.attempt(&routed, planned) => attempted,
                        () = held.lost() => return Err(Left::Lost),
                    };
                    if !attempt.succeeded() {
                        self.tell_failure(&routed, &attempt, cause).await?;
                    }
                    made.push(attempt);
                    output = answer;
                    continue;
                }
                Step::HandOver(index) => return self.hand_over(routed, index, made, cause).await,
                Step::Completed => None,
                ended => Some(finish::failure(&ended, &made)),
            };
            let mut attempts = std::mem::take(&mut routed.attempts_made);
            attempts.append(&mut made);
            let ending = Ending { output, failure, attempts, started_at, finished_at: Timestamp::now() };
            return self.store(routed, ending, accept, cause).await;
        }
    }

    async fn attempt(&self, routed: &TaskRouted, planned: &PlannedAttempt) -> (Attempt, Option<Value>) {
        let resources = self.resources.borrow().clone();
        let (id, started_at, clock) = (AttemptId::mint(), Timestamp::now(), Instant::now());
        let model = resources.models.get(&planned.model);
        let called = match model {
            Some(model) => self.call(routed, planned, model, id).await,
            None => Err(AttemptError { class: ErrorClass::Malformed, message: "the model is not configured any more".into(), http_status: None, retry_after_ms: None }),
        };
        let latency_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        let input_tokens = || routed.task.input.estimated_input_tokens();
        let (usage, estimated) = match &called {
            Ok(answer) => price::openai_usage(answer).map_or_else(|| (price::estimated_usage(input_tokens(), answer), true), |usage| (usage, false)),
            // Whether the provider bills an answer that never arrived is unknown: its input is assumed.
            Err(error) if may_be_billed(error) => (Usage { input_uncached: input_tokens(), ..Usage::default() }, true),
            Err(_) => (Usage::default(), false),
        };
        let cost_usd = model.map_or(PicoUsd::ZERO, |model| price::cost(&usage, &model.price));
        let provider = model.map_or("", |model| model.provider.as_str()).to_owned();
        let (answer, error) = match called {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error)),
        };
        let (model, zone) = (planned.model.clone(), planned.zone);
        (Attempt { id, model, provider, zone, started_at, latency_us, error, usage, cost_usd, estimated }, answer)
    }

    async fn call(&self, routed: &TaskRouted, planned: &PlannedAttempt, model: &ModelSpec, attempt: AttemptId) -> Result<Value, AttemptError> {
        let allowed_ms = time_for_attempt(planned.timeout_ms, routed.task.constraints.deadline, Timestamp::now()).unwrap_or(0);
        let timeout = Duration::from_millis(allowed_ms);
        let call = Call { name: &planned.model, model, request: &routed.task.input, attempt, timeout };
        self.provider.call(call).await
    }

    async fn tell_failure(&self, routed: &TaskRouted, attempt: &Attempt, cause: &Cause) -> Result<(), Left> {
        let class = attempt.error.as_ref().map(|error| error.class);
        tracing::info!(task.id = %routed.task.id, model.id = attempt.model, ?class, "an attempt failed");
        let fact = AttemptFailed { task: routed.task.id, team: routed.task.team.clone(), attempt: attempt.clone() };
        // The fact says nothing about the accept, whose token ends with the task.
        self.bus.publish(&fact, &cause.clone().without_accept()).await?;
        Ok(())
    }

    async fn hand_over(&self, mut routed: TaskRouted, index: usize, made: Vec<Attempt>, cause: &Cause) -> Result<(), Left> {
        routed.plan.attempts.drain(..index);
        routed.attempts_made.extend(made);
        self.bus.publish(&routed, cause).await?;
        Ok(())
    }

    async fn store(&self, routed: TaskRouted, ending: Ending, accept: &Accept, cause: &Cause) -> Result<(), Left> {
        let finished = finish::finished(routed, ending);
        if self.bus.finish(&finished, accept, cause).await? == Finish::Already {
            tracing::warn!(task.id = %finished.id, cost_pico_usd = finished.cost_usd.0, "was finished by another executor; this work is lost");
        }
        tracing::info!(task.id = %finished.id, outcome = finished.outcome.as_str(), attempts = finished.attempts.len(), cost_pico_usd = finished.cost_usd.0, "finished");
        Ok(())
    }
}

fn failed(outcome: TaskOutcome, error: TaskError, started_at: Timestamp) -> Ending {
    Ending { output: None, failure: Some((outcome, error)), attempts: Vec::new(), started_at, finished_at: Timestamp::now() }
}

/// Whether the provider may have done the work although no usable answer came.
fn may_be_billed(error: &AttemptError) -> bool {
    let broke_midway = error.class == ErrorClass::Network && error.message != "cannot connect";
    broke_midway || matches!(error.class, ErrorClass::Timeout | ErrorClass::Malformed) && error.http_status.is_none()
}
