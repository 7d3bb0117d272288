//! Errors, and what `try` tasks do about them.

use super::{Change, Doing, Frame, Instance, Machine, Output, Problem, Role, Scope, Standard, Work};
use crate::{
    definition::{Action, Backoff, Catch, Duration, OnError, Retry, Step},
    expression::Expression,
    run::{change::Entered, clock, state::Ending},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a task does about the error of one in it.
enum Remedy {
    /// Nothing: it fails, too.
    Fails,
    /// It is tried again at this time.
    Again { due_ms: u64 },
    /// Its tasks about errors are done.
    Handles,
    /// It goes on without that one; what stands in place of the output, if anything must.
    GoesOn { instead: Option<Arc<Value>> },
}

impl Machine<'_> {
    /// A task fails: the nearest task around that does something about it does so, or the run ends.
    pub(super) fn fail(&mut self, instance: Instance, problem: Problem) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let (name, parent) = (frame.name.clone(), frame.parent);
        let problem = problem.at(self.pointer(instance));
        self.push(Change::Failed { instance, name, problem: problem.clone() });
        self.rise(instance, instance, parent, problem);
    }

    /// A try takes too long: an error in it, which its own `catch` may handle.
    pub(super) fn attempt_too_long(&mut self, instance: Instance) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let name = frame.name.clone();
        let limit = self.attempt_limit_ms(instance).ok().flatten().map(|ms| format!(" of {}", clock::seconds(ms)));
        let detail = format!("the try took longer than its policy's limit{}", limit.unwrap_or_default());
        let problem = Problem::new(Standard::Timeout, detail);
        let problem = problem.at(self.pointer(instance));
        self.push(Change::Failed { instance, name, problem: problem.clone() });
        self.rise(instance, instance, Some(instance), problem);
    }

    /// An error goes up from `child` to `around`, until something is done about it.
    fn rise(&mut self, origin: Instance, mut child: Instance, mut around: Option<Instance>, mut problem: Problem) {
        while let Some(instance) = around {
            let Some(frame) = self.run.frames.get(&instance) else { return };
            let parent = frame.parent;
            match self.remedy(instance, frame, &problem) {
                Ok(Remedy::Fails) => {}
                Ok(Remedy::Again { due_ms }) => return self.plan_try(instance, problem, due_ms),
                Ok(Remedy::Handles) => return self.handle(instance, problem),
                Ok(Remedy::GoesOn { instead }) => {
                    if instead.is_some() {
                        self.work.push(Work::Advance { instance });
                    }
                    return self.push(Change::Dropped { instance: child, instead });
                }
                // What was to decide about the error failed itself.
                Err(other) => problem = other.at_least_at(self.pointer(instance)),
            }
            (child, around) = (instance, parent);
        }
        self.unhandled(origin, child, problem);
    }

    fn unhandled(&mut self, origin: Instance, top: Instance, problem: Problem) {
        if self.run.frames.get(&top).is_some_and(|frame| frame.role == Role::Compensation) {
            // What cannot be undone stands in the record; the others are undone all the same.
            self.push(Change::Dropped { instance: top, instead: None });
            return self.undo_next();
        }
        self.push(Change::Stuck { instance: origin });
        let is_budget = problem.is(Standard::Budget);
        self.close(if is_budget { Ending::BudgetExhausted { problem } } else { Ending::Faulted { problem } });
    }

    fn remedy(&self, instance: Instance, frame: &Frame, problem: &Problem) -> Result<Remedy, Problem> {
        match &frame.doing {
            Doing::Try { is_caught: false, turn, .. } => self.caught(instance, frame, *turn, problem),
            Doing::Fork { compete: true, branches, lost, .. } if lost + 1 < *branches => {
                Ok(Remedy::GoesOn { instead: None })
            }
            Doing::Loop { window, .. } if *window > 0 => {
                let collects = self.step(instance).is_some_and(|step| step.settings.on_error == OnError::Collect);
                let instead = || Some(Arc::new(json!({"error": problem.to_value()})));
                Ok(if collects { Remedy::GoesOn { instead: instead() } } else { Remedy::Fails })
            }
            _ => Ok(Remedy::Fails),
        }
    }

    /// What the `try` task says about errors.
    pub(super) fn catch(&self, instance: Instance) -> Option<&Catch> {
        let frame = self.run.frames.get(&instance)?;
        let Some(Step { action: Action::Try { catch }, .. }) = self.step(instance) else { return None };
        match self.definition.list(frame.at.part).get(*catch).map(|step| &step.action) {
            Some(Action::Catch(catch)) => Some(catch),
            _ => None,
        }
    }

    fn caught(&self, instance: Instance, frame: &Frame, turn: u64, problem: &Problem) -> Result<Remedy, Problem> {
        let Some(catch) = self.catch(instance) else { return Ok(Remedy::Fails) };
        let value = Arc::new(problem.to_value());
        let variables = [(catch.variable.clone(), Arc::clone(&value))];
        let scope = Scope { variables: &variables, ..self.scope(instance) };
        let holds = |when: &Expression, unless: bool| scope.holds(when, &value).map(|holds| holds != unless);
        let all = |wanted: &Option<Expression>, unwanted: &Option<Expression>| -> Result<bool, Problem> {
            let is_wanted = wanted.as_ref().map_or(Ok(true), |when| holds(when, false))?;
            Ok(is_wanted && unwanted.as_ref().map_or(Ok(true), |when| holds(when, true))?)
        };
        let filter = catch.errors.as_ref().map(|errors| scope.fill(errors, &frame.input)).transpose()?;
        if filter.is_some_and(|filter| !problem.fits(&filter)) || !all(&catch.when, &catch.except_when)? {
            return Ok(Remedy::Fails);
        }
        let Some(retry) = &catch.retry else { return Ok(Remedy::Handles) };
        if all(&retry.when, &retry.except_when)?
            && let Some(due_ms) = self.next_try(retry, frame, turn, &scope)?
        {
            return Ok(Remedy::Again { due_ms });
        }
        // An error that was to be tried away and stays is not forgotten.
        Ok(if catch.has_tasks || catch.then.is_some() { Remedy::Handles } else { Remedy::Fails })
    }

    /// When the next try begins; none if there is none.
    fn next_try(&self, retry: &Retry, frame: &Frame, turn: u64, scope: &Scope<'_>) -> Result<Option<u64>, Problem> {
        if retry.attempts.is_some_and(|attempts| turn >= attempts) {
            return Ok(None);
        }
        let of = |duration: &Option<Duration>| {
            duration.as_ref().map(|duration| scope.duration_ms(duration, &frame.input)).transpose()
        };
        let delay = of(&retry.delay)?.unwrap_or(0);
        let delay = match &retry.backoff {
            Backoff::Constant => delay,
            Backoff::Linear { increment, most } => {
                let more = of(increment)?.unwrap_or(delay).saturating_mul(turn);
                delay.saturating_add(more).min(of(most)?.unwrap_or(u64::MAX))
            }
            Backoff::Exponential { multiplier, most } => {
                grown(delay, *multiplier, turn).min(of(most)?.unwrap_or(u64::MAX))
            }
        };
        let jitter = match &retry.jitter {
            Some((from, to)) => {
                let (from, to) = (scope.duration_ms(from, &frame.input)?, scope.duration_ms(to, &frame.input)?);
                from.saturating_add(self.draw() % to.saturating_sub(from).saturating_add(1))
            }
            None => 0,
        };
        let due_ms = self.now_ms.saturating_add(delay).saturating_add(jitter);
        let last_ms = of(&retry.limit)?.map(|limit| frame.started_ms.saturating_add(limit));
        Ok(last_ms.is_none_or(|last_ms| due_ms <= last_ms).then_some(due_ms))
    }

    /// A number of this decision's chance, another one for each task begun (splitmix64).
    fn draw(&self) -> u64 {
        let mut number = self.chance.wrapping_add(self.run.next.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn plan_try(&mut self, instance: Instance, problem: Problem, due_ms: u64) {
        let Some(Doing::Try { turn, .. }) = self.run.frames.get(&instance).map(|frame| &frame.doing) else { return };
        let turn = turn + 1;
        self.push(Change::Emptied { instance });
        let retry_ms = (due_ms > self.now_ms).then_some(due_ms);
        let doing = Doing::Try { turn, problem: Some(problem), retry_ms, attempt_ms: None, is_caught: false };
        self.push(Change::Became { instance, doing });
        if retry_ms.is_none() {
            self.try_again(instance);
        }
    }

    /// Begins the first try of a task.
    pub(super) fn try_first(&mut self, instance: Instance) {
        let doing = Doing::Try { turn: 0, problem: None, retry_ms: None, attempt_ms: None, is_caught: false };
        self.begin_try(instance, doing);
    }

    /// Begins the try that was planned.
    pub(super) fn try_again(&mut self, instance: Instance) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let Doing::Try { turn, problem, .. } = &frame.doing else { return };
        let (turn, problem) = (*turn, problem.clone());
        let doing = Doing::Try { turn, problem, retry_ms: None, attempt_ms: None, is_caught: false };
        self.begin_try(instance, doing);
    }

    /// How long a try may take, where its policy says.
    fn attempt_limit_ms(&self, instance: Instance) -> Result<Option<u64>, Problem> {
        let limit = self.catch(instance).and_then(|catch| catch.retry.as_ref()?.attempt_limit.as_ref());
        let input = self.run.frames.get(&instance).map(|frame| Arc::clone(&frame.input)).unwrap_or_default();
        limit.map(|limit| self.scope(instance).duration_ms(limit, &input)).transpose()
    }

    fn begin_try(&mut self, instance: Instance, mut doing: Doing) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let at = frame.at;
        match (self.attempt_limit_ms(instance), &mut doing) {
            (Ok(limit), Doing::Try { attempt_ms, .. }) => {
                *attempt_ms = limit.map(|limit| self.now_ms.saturating_add(limit));
            }
            (Err(problem), _) => return self.work.push(Work::Fail { instance, problem }),
            _ => {}
        }
        self.push(Change::Became { instance, doing });
        let at = super::At { index: at.index + 1, ..at };
        self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: None });
    }

    /// Begins the tasks about an error, or ends the `try` with its input.
    fn handle(&mut self, instance: Instance, problem: Problem) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let (at, turn) = match (&frame.doing, self.step(instance)) {
            (Doing::Try { turn, .. }, Some(Step { action: Action::Try { catch }, .. })) => {
                (super::At { index: *catch, ..frame.at }, *turn)
            }
            _ => return,
        };
        let Some(catch) = self.catch(instance) else { return };
        let (variable, has_tasks, then) = (catch.variable.clone(), catch.has_tasks, catch.then);
        let value = Arc::new(problem.to_value());
        self.push(Change::Emptied { instance });
        let doing = Doing::Try { turn, problem: Some(problem), retry_ms: None, attempt_ms: None, is_caught: true };
        self.push(Change::Became { instance, doing });
        if !has_tasks {
            return self.work.push(Work::Finish { instance, output: Output::Input, then });
        }
        let inner = self.run.next;
        self.push(Change::Entered(Box::new(Entered {
            instance: inner,
            name: "catch".to_owned(),
            parent: Some(instance),
            slot: 0,
            at,
            role: Role::Catch,
            raw: None,
            input: None,
            variables: vec![(variable, value)],
            extensions: Vec::new(),
            now_ms: self.now_ms,
            limit_ms: None,
            lowered: None,
        })));
        let at = super::At { index: at.index + 1, ..at };
        self.work.push(Work::Begin { parent: inner, slot: 0, at, raw: None });
    }

    /// What was wrong with the answer of the try before, if a task is tried again.
    pub(super) fn last_problem(&self, instance: Instance) -> Option<&Problem> {
        let mut at = Some(instance);
        while let Some(frame) = at.and_then(|at| self.run.frames.get(&at)) {
            if let Doing::Try { is_caught: false, problem, .. } = &frame.doing {
                return problem.as_ref().filter(|problem| problem.is(Standard::Validation));
            }
            at = frame.parent;
        }
        None
    }
}

/// A delay after so many tries that grows by a factor.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held in range"
)]
fn grown(delay_ms: u64, factor: f64, turn: u64) -> u64 {
    let times = factor.powi(i32::try_from(turn.min(1_000)).unwrap_or(1_000));
    (delay_ms as f64 * times).min(9e15) as u64
}
