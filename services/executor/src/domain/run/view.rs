//! A run as people see it, made of its log.

use super::{
    approval, class,
    course::Course,
    event,
    finish::{finished, timestamp},
};
use neptune_contracts::{
    PicoUsd,
    query::run::{RunView, StepView},
    run::finished::RunFinished,
};
use neptune_workflow::{
    definition::Function,
    run::{Doing, Frame, Phase, Record, Request, Role, clock, timeline},
};
use serde_json::Value;

/// A run by its records, as it stands after the last one.
#[must_use]
pub fn view(course: &Course, records: &[Record]) -> RunView {
    let (made_of, run) = (&course.made_of, &course.run);
    let ended = run.ending().map(|ending| finished(course, ending));
    let state = match (&run.phase, &ended) {
        (_, Some(fact)) => fact.outcome.as_str(),
        (Phase::New, _) => "queued",
        (Phase::Compensating(_), _) => "compensating",
        _ if run.is_paused => "paused",
        _ => "running",
    };
    let of_end = |field: fn(&RunFinished) -> Option<Value>| ended.as_ref().and_then(field);
    RunView {
        id: course.id,
        team: course.team.clone(),
        workflow: made_of.workflow.clone(),
        state: state.to_owned(),
        input: made_of.input.clone().filter(|_| run.phase == Phase::New).unwrap_or_else(|| run.input.as_ref().clone()),
        output: of_end(|fact| fact.output.clone()),
        error: of_end(|fact| fact.error.clone()),
        reason: ended.as_ref().and_then(|fact| fact.reason.clone()),
        cost_usd: PicoUsd(run.spent_pico_usd),
        origin: made_of.origin,
        metadata: made_of.metadata.clone(),
        tags: made_of.tags.clone(),
        class: class::of(run.sensitivity.max(made_of.class.map_or(0, class::rank))),
        parent: made_of.parent.clone(),
        priority: made_of.priority,
        start: made_of.start.clone(),
        concurrency: None,
        can_retry: ended.is_some() && run.failed.is_some_and(|failed| failed > 0),
        submitted_at: made_of.submitted_at,
        ended_at: ended.as_ref().map(|fact| fact.finished_at),
        steps: timeline::lines(records).into_iter().map(|line| step(course, line)).collect(),
    }
}

/// A run of which only the end is known: it never began.
#[must_use]
pub fn of_fact(fact: RunFinished) -> RunView {
    RunView {
        id: fact.id,
        team: fact.team,
        workflow: fact.workflow,
        state: fact.outcome.as_str().to_owned(),
        input: Value::Null,
        output: fact.output,
        error: fact.error,
        reason: fact.reason,
        cost_usd: fact.cost_usd,
        origin: fact.origin,
        metadata: fact.metadata,
        tags: fact.tags,
        class: None,
        parent: fact.parent,
        priority: 0,
        start: None,
        concurrency: None,
        can_retry: false,
        submitted_at: fact.submitted_at,
        ended_at: Some(fact.finished_at),
        steps: Vec::new(),
    }
}

fn step(course: &Course, line: timeline::Line) -> StepView {
    let state = match line.state {
        timeline::State::Running => "running",
        timeline::State::Done => "done",
        timeline::State::Skipped => "skipped",
        timeline::State::Failed => "failed",
        timeline::State::Cancelled => "cancelled",
        timeline::State::Dropped => "dropped",
    };
    let frame = course.run.frames.get(&line.instance).filter(|_| line.ended_ms.is_none());
    StepView {
        instance: line.instance,
        level: line.level,
        name: line.name,
        slot: line.slot,
        state: state.to_owned(),
        doing: frame.and_then(|frame| doing(course, frame)),
        asks: frame.and_then(asks),
        due_at: frame.and_then(due_ms).map(timestamp),
        tries: Some(line.tries).filter(|tries| *tries > 1),
        started_at: timestamp(line.started_ms),
        ended_at: line.ended_ms.map(timestamp),
        problem: line.problem,
        cost_usd: PicoUsd(line.cost_pico_usd),
        note: line.note,
    }
}

/// What a step that waits for an approval asks.
fn asks(frame: &Frame) -> Option<String> {
    match &frame.doing {
        Doing::Call(request) if approval::is_one(request) => Some(approval::asked(request).to_owned()),
        _ => None,
    }
}

/// When a step goes on by itself.
fn due_ms(frame: &Frame) -> Option<u64> {
    let own = match &frame.doing {
        Doing::Wait { due_ms } => Some(*due_ms),
        Doing::Try { retry_ms, attempt_ms, .. } => retry_ms.or(*attempt_ms),
        _ => None,
    };
    // A run may always take a month, which nobody waits for.
    [own, frame.limit_ms.filter(|_| frame.role != Role::Workflow)].into_iter().flatten().min()
}

/// What a step is doing, in words.
fn doing(course: &Course, frame: &Frame) -> Option<String> {
    match &frame.doing {
        Doing::Call(request) => Some(called(request)),
        Doing::Wait { due_ms } => Some(format!("waits until {}", clock::rfc3339(*due_ms))),
        Doing::Listen(listening) => {
            let definition = course.definition.as_ref().ok();
            let to = definition.and_then(|definition| event::listened(definition, frame));
            let title = to.map_or("events", |to| to.title.as_str());
            Some(format!("waits for {title}, {} heard", listening.heard.len()))
        }
        Doing::Try { retry_ms: Some(due_ms), turn, .. } => {
            Some(format!("tries again at {}, {turn} failed", clock::rfc3339(*due_ms)))
        }
        Doing::Loop { items, results, window, .. } if *window > 0 => {
            Some(format!("{} of {} done", results.len(), items.len()))
        }
        Doing::Fork { branches, results, .. } => Some(format!("{} of {branches} branches done", results.len())),
        _ => None,
    }
}

fn called(request: &Request) -> String {
    match &request.function {
        Function::Http => "calls an HTTP endpoint".to_owned(),
        Function::Openapi => "calls an OpenAPI operation".to_owned(),
        Function::Own(_) => "calls a function of its own".to_owned(),
        Function::Builtin(builtin) => format!("waits for {}", builtin.name()),
        Function::Remote(name) => format!("calls {name}"),
        Function::Workflow(workflow) => format!("waits for the workflow {workflow}"),
    }
}
