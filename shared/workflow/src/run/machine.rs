//! The decision: what happens next, until everything waits for something from outside.
//!
//! Work is done one piece at a time; each change is applied at once, so that the next piece sees it. No piece
//! outlives the decision: what is left after it stands in the run.

mod attempts;
mod branches;
mod control;
mod endings;
mod extensions;
mod leaves;
mod leaving;
mod listening;
mod lowering;
mod spending;
mod steps;

use super::{
    Action, Arrival, Decision, Doing, Event, Frame, Instance, Outcome, Phase, Problem, Purpose, Record, Role, Run,
    Standard, Timer,
    change::{Change, Output},
    scope::{Scope, Task},
    state::At,
};
use crate::{
    definition::{self, Definition, Step, Then},
    expression::meter,
};
use serde_json::Value;
use std::sync::Arc;

/// Tasks that one decision may begin before something is waited for.
pub const STEPS_PER_DECISION: usize = 10_000;
/// Tasks that one run may begin.
pub const STEPS_PER_RUN: u64 = 200_000;
/// How deep tasks may stand in each other.
pub const DEPTH: usize = 64;
/// How long a run may take when its definition does not say, in milliseconds: 30 days.
pub const RUN_LIMIT_MS: u64 = 30 * 86_400_000;
/// How long undoing one task may take, in milliseconds: an hour.
pub const COMPENSATION_LIMIT_MS: u64 = 3_600_000;
/// Events that are kept for tasks that will listen.
pub const SIGNALS: usize = 1_000;

/// What a change counts of the allowance of a decision, in steps of expressions.
const STEPS_PER_CHANGE: u64 = 16;

/// Signals that one run takes, wishes counted; further ones change nothing.
pub const SIGNALS_PER_RUN: usize = 10_000;

/// A piece of work.
#[derive(Debug)]
enum Work {
    /// Begins a task in another, or ends that if its list has no more tasks.
    Begin { parent: Instance, slot: usize, at: At, raw: Option<Arc<Value>> },
    /// Begins the next items of a loop.
    Advance { instance: Instance },
    /// Begins what extensions put around a task.
    Surround { instance: Instance },
    /// Ends a task.
    Finish { instance: Instance, output: Output, then: Option<Then> },
    /// A task fails.
    Fail { instance: Instance, problem: Problem },
}

/// A decision while it is made.
pub(super) struct Machine<'a> {
    definition: &'a Definition,
    run: &'a mut Run,
    now_ms: u64,
    chance: u64,
    changes: Vec<Change>,
    actions: Vec<Action>,
    work: Vec<Work>,
    begun: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn decide(run: &'a mut Run, definition: &'a Definition, arrival: &Arrival) -> Decision {
        let (changes, actions, work) = (Vec::new(), Vec::new(), Vec::new());
        let (now_ms, chance) = (arrival.now_ms, arrival.chance);
        let mut machine = Self { definition, run, now_ms, chance, changes, actions, work, begun: 0 };
        machine.arrive(&arrival.event);
        machine.work_off();
        Decision { record: Record { at_ms: now_ms, changes: machine.changes }, actions: machine.actions }
    }

    fn arrive(&mut self, event: &Event) {
        match event {
            Event::Started { run, input, sensitivity } => self.start(run, input, *sensitivity),
            Event::Controlled { id, control } => self.control(id, control),
            _ if !self.is_going() => {}
            _ if self.run.is_paused && !is_end(event) => self.hold(event),
            Event::Answered { instance, answer } => {
                let is_asked = |frame: &Frame| matches!(frame.doing, Doing::Call(_));
                if !self.run.frames.get(instance).is_some_and(is_asked) {
                    return;
                }
                let is_spent = answer.is_over_budget && self.is_run_bound(*instance);
                self.push(Change::answered(*instance, answer));
                self.work.push(match &answer.outcome {
                    Outcome::Output(output) => Work::Finish {
                        instance: *instance,
                        output: Output::Value(Arc::new(output.clone())),
                        then: None,
                    },
                    Outcome::Problem(problem) if is_spent => return self.spend_up(*instance, problem),
                    Outcome::Problem(problem) => Work::Fail { instance: *instance, problem: problem.clone() },
                });
            }
            Event::TimerFired(timer) => self.fire(*timer),
            Event::Signalled { id, event, sensitivity } => self.signal(id, event, *sensitivity),
            Event::Published { id, event, sensitivity, emitted_by } => {
                self.published(id, event, (*sensitivity, *emitted_by));
            }
        }
    }

    fn is_going(&self) -> bool {
        matches!(self.run.phase, Phase::Running | Phase::Compensating(_))
    }

    fn work_off(&mut self) {
        while let Some(work) = self.work.pop() {
            match work {
                Work::Begin { parent, slot, at, raw } => self.begin(parent, slot, at, raw),
                Work::Advance { instance } => self.advance(instance),
                Work::Surround { instance } => self.surround(instance),
                Work::Finish { instance, output, then } => self.finish(instance, output, then),
                Work::Fail { instance, problem } => self.fail(instance, problem),
            }
        }
    }

    /// Makes a change part of the record, and of the run.
    fn push(&mut self, change: Change) {
        meter::spend(STEPS_PER_CHANGE);
        self.run.apply(&change, &mut self.actions);
        self.changes.push(change);
    }

    fn fire(&mut self, timer: Timer) {
        let Timer { instance, purpose, turn } = timer;
        let Some(frame) = self.run.frames.get(&instance) else { return };
        match (purpose, &frame.doing) {
            (Purpose::Limit, _) if frame.limit_ms.is_some() && frame.limit_turn == turn => self.too_long(instance),
            (Purpose::Wait, Doing::Wait { .. }) => {
                self.work.push(Work::Finish { instance, output: Output::Input, then: None });
            }
            (Purpose::Retry, Doing::Try { turn: own, retry_ms: Some(_), .. }) if *own == turn => {
                self.try_again(instance);
            }
            (Purpose::Attempt, Doing::Try { turn: own, attempt_ms: Some(_), is_caught: false, .. }) if *own == turn => {
                self.attempt_too_long(instance);
            }
            _ => {}
        }
    }

    /// The task of a frame; none for the workflow and what undoes a task.
    fn step(&self, instance: Instance) -> Option<&'a Step> {
        let frame = self.run.frames.get(&instance)?;
        match frame.role {
            Role::Workflow | Role::Compensation => None,
            Role::Task | Role::Iteration | Role::Catch => self.definition.list(frame.at.part).get(frame.at.index),
        }
    }

    fn pointer(&self, instance: Instance) -> &'a str {
        self.step(instance).map_or("", |step| step.pointer.as_str())
    }

    /// What an expression of a task sees that is being done.
    fn scope<'s>(&'s self, instance: Instance) -> Scope<'s> {
        let frame = self.run.frames.get(&instance);
        let task = self.step(instance).zip(frame).map(|(step, frame)| Task {
            step,
            raw: &frame.raw,
            input: Some(&frame.input),
            raw_output: None,
            output: None,
            started_ms: frame.started_ms,
        });
        Scope { definition: self.definition, run: self.run, around: Some(instance), task, variables: &[] }
    }

    /// The outermost task around: the workflow, or what undoes a task.
    fn top(&self, instance: Instance) -> Instance {
        let mut top = instance;
        while let Some(parent) = self.run.frames.get(&top).and_then(|frame| frame.parent) {
            top = parent;
        }
        top
    }
}

/// The end of a run comes while it is paused, too.
fn is_end(event: &Event) -> bool {
    matches!(event, Event::TimerFired(Timer { instance: 0, purpose: Purpose::Limit, .. }))
}
