//! Following a plan: attempts one after the other, or at once where its strategy says so; each
//! failure told at once.

mod begin;
mod call;
mod ensemble;
mod hedge;
mod pieces;

use crate::{
    domain::{
        finish::Answered,
        note::{Note, lost},
        output::{re_ask, response_format},
        prompt::Prompt,
        step::{self, End, Progress, Step},
    },
    provider::Provider,
    rooms::Rooms,
    watch::Watch,
};
use call::{Ask, Made};
use neptune_bus::{Bus, Cause};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, AttemptFailed, ErrorClass, RE_ASK, RETRY},
    ids::AttemptId,
    names::Zone,
    output::Checks,
    plan::{PlannedAttempt, Strategy, TaskRouted},
    resource::Resources,
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// What attempts are made with.
pub struct Caller {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Calls models.
    pub provider: Provider,
    /// Zones whose models may be called.
    pub zones: Vec<Zone>,
    /// What was seen of models a moment ago.
    pub watch: Watch,
    /// Room of models for further calls.
    pub rooms: Arc<Rooms>,
}

/// How following a plan ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Followed {
    /// A model answered.
    Answered(Answered),
    /// The rest of the plan, from this index on, belongs to another zone.
    HandOver(usize),
    /// There is no answer that will do; the last one that came.
    Ended(End, Option<Value>),
}

/// The attempts at one task.
pub(crate) struct Attempts<'t> {
    caller: &'t Caller,
    routed: &'t TaskRouted,
    prompt: &'t Prompt,
    checks: Option<&'t Checks>,
    response_format: Option<Value>,
    cause: Cause,
    cancelled: &'t CancellationToken,
    made: Vec<Attempt>,
    answer: Option<Answered>,
    invalid: Option<(AttemptId, Value)>,
    told: JoinSet<()>,
    /// What is left behind before each call.
    note: Mutex<Note>,
    /// Calls of an executor that died, which are made again under their id.
    again: Mutex<Vec<Attempt>>,
}

impl<'t> Attempts<'t> {
    pub(crate) fn new(
        caller: &'t Caller,
        routed: &'t TaskRouted,
        (prompt, checks): (&'t Prompt, Option<&'t Checks>),
        (cause, cancelled): (&Cause, &'t CancellationToken),
    ) -> Self {
        Self {
            caller,
            routed,
            prompt,
            checks,
            response_format: response_format(&routed.task.input, routed.task.output.as_ref()),
            // What is told about an attempt says nothing about the accept, whose token ends with the task.
            cause: cause.clone().without_accept(),
            cancelled,
            made: Vec::new(),
            answer: None,
            invalid: None,
            told: JoinSet::new(),
            note: Mutex::new(Note {
                revision: caller.resources.borrow().revision,
                parked: routed.task.parking().map_or(0, |parking| parking.times),
                made: routed.attempts_made.clone(),
                begun: Vec::new(),
            }),
            again: Mutex::default(),
        }
    }

    /// Goes on after an executor that died, which had begun these calls.
    pub(crate) fn going_on(self, again: Vec<Attempt>) -> Self {
        Self { again: Mutex::new(again), ..self }
    }

    /// Makes attempts until there is an answer or none can follow. Cancelling it cuts the calls that
    /// are under way.
    pub(crate) async fn follow(&mut self) -> Followed {
        // What is rare is put aside, so that every task's future is not as large as the largest.
        let (begun, is_told) = match self.routed.plan.strategy {
            Strategy::Hedge { delay_ms } => (Box::pin(self.hedge(delay_ms)).await, false),
            // Members that were wrong are outvoted, not told.
            Strategy::Ensemble { combine } => (Box::pin(self.ensemble(combine)).await, true),
            Strategy::Single | Strategy::Fallback | Strategy::Cascade => (0, false),
        };
        self.in_turn(begun, is_told).await
    }

    async fn in_turn(&mut self, mut begun: usize, mut is_told: bool) -> Followed {
        let routed = self.routed;
        loop {
            if self.cancelled.is_cancelled() {
                return Followed::Ended(End::Cancelled, None);
            }
            let progress = Progress { made: &self.made, begun, is_told };
            match step::next(routed, &progress, &self.caller.zones, Timestamp::now()) {
                Step::Attempt(planned) => {
                    let made = self.complete(&self.begin(planned, None), &self.ask()).await;
                    self.keep(made);
                    (begun, is_told) = (begun + 1, false);
                }
                Step::ReAsk(planned) => {
                    self.re_ask(planned).await;
                    is_told = true;
                }
                Step::Retry { planned, pause_ms } => self.once_more(planned, pause_ms).await,
                Step::HandOver(index) => return Followed::HandOver(index),
                Step::Completed => return self.answered(),
                Step::End(end) => return Followed::Ended(end, self.invalid.take().map(|(_, output)| output)),
            }
        }
    }

    fn answered(&mut self) -> Followed {
        self.answer.take().map_or(Followed::Ended(End::Exhausted, None), Followed::Answered)
    }

    /// Calls the model again after a pause, unless the answer is not wanted any more by then.
    async fn once_more(&mut self, planned: &PlannedAttempt, pause_ms: u64) {
        let pause = tokio::time::sleep(Duration::from_millis(pause_ms));
        if self.cancelled.run_until_cancelled(pause).await.is_none() {
            return;
        }
        let made = self.complete(&self.begin(planned, Some(RETRY)), &self.ask()).await;
        self.keep(made);
    }

    /// Shows the model its last answer and what is wrong with it. Where that cannot be done, nothing
    /// happens, and the plan goes on.
    async fn re_ask(&mut self, planned: &PlannedAttempt) {
        let problems =
            self.made.last().and_then(|last| last.validation.as_ref()).map(|validation| &validation.problems);
        let invalid = self.invalid.as_ref().filter(|(id, _)| self.made.last().is_some_and(|last| last.id == *id));
        let Some(((_, output), problems)) = invalid.zip(problems) else { return };
        let Some(input) = re_ask::request(&self.routed.task.input, output, problems) else { return };
        let Ok(prompt) = Prompt::write(&input) else { return };
        let ask = Ask { input: &input, prompt: &prompt, response_format: self.response_format.as_ref() };
        let made = self.complete(&self.begin(planned, Some(RE_ASK)), &ask).await;
        self.keep(made);
    }

    /// Whether the pieces of answers are passed on as they come: only those of an answer that will be
    /// the task's, unchecked and uncombined.
    fn is_streamed(&self) -> bool {
        let is_alone = matches!(self.routed.plan.strategy, Strategy::Single | Strategy::Fallback);
        self.routed.task.input.stream == Some(true) && is_alone && self.checks.is_none()
    }

    /// The question of the task itself.
    fn ask(&self) -> Ask<'_> {
        Ask { input: &self.routed.task.input, prompt: self.prompt, response_format: self.response_format.as_ref() }
    }

    /// Takes in an attempt that has ended.
    fn keep(&mut self, made: Made) {
        let Made { attempt, output, is_held_back } = made;
        // A limit of ours says nothing about the model.
        if !is_held_back && attempt.error.as_ref().is_some_and(|error| error.class != ErrorClass::Cancelled) {
            self.tell(&attempt);
        }
        if let Some(output) = output {
            if !attempt.serves() {
                self.invalid = Some((attempt.id, output));
            } else if self.answer.is_none() {
                self.answer = Some(Answered { output, by: attempt.id });
            }
        }
        self.made.push(attempt);
    }

    /// The attempts made, once every failure among them is stored, after those of an executor that died
    /// which were not made again.
    pub(crate) async fn settle(mut self) -> Vec<Attempt> {
        while self.told.join_next().await.is_some() {}
        let mut all: Vec<Attempt> = lock(&self.again).drain(..).map(lost).collect();
        all.append(&mut self.made);
        all
    }

    /// Publishes the failure while the next attempt is made already.
    fn tell(&mut self, attempt: &Attempt) {
        let task = self.routed.task.id;
        let fact = AttemptFailed { task, team: self.routed.task.team.clone(), attempt: attempt.clone() };
        let (bus, cause) = (self.caller.bus.clone(), self.cause.clone());
        let publish = async move {
            if let Err(error) = bus.publish(&fact, &cause).await {
                // The finished fact holds the attempt too; what is missed is the early warning.
                tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "a failed attempt was not told at once");
            }
        };
        self.told.spawn(publish.in_current_span());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
