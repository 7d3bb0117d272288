//! The finished fact of a task that reached the executor.

use super::step::Step;
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, ErrorClass},
    finished::{Outcome, TaskError, TaskFinished, Times},
    plan::TaskRouted,
};
use serde_json::Value;

/// What is known when a task ends.
pub struct Ending {
    /// The answer, when a model gave one.
    pub output: Option<Value>,
    /// The outcome and why, when it is not completed.
    pub failure: Option<(Outcome, TaskError)>,
    /// All attempts, other executors' included.
    pub attempts: Vec<Attempt>,
    /// When this executor took the task.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// The fact. Takes the task apart rather than copying it.
#[must_use]
pub fn finished(routed: TaskRouted, ending: Ending) -> TaskFinished {
    let TaskRouted { task, admission, plan, .. } = routed;
    let cost_usd: PicoUsd = ending.attempts.iter().map(|attempt| attempt.cost_usd).sum();
    let waited_us: u64 = ending.attempts.iter().map(|attempt| attempt.latency_us).sum();
    let total_us = ending.finished_at.micros_since(task.submitted_at);
    let (outcome, error) = match ending.failure {
        None => (Outcome::Completed, None),
        Some((outcome, error)) => (outcome, Some(error)),
    };
    TaskFinished {
        id: task.id,
        team: task.team,
        origin: task.origin,
        outcome,
        output: ending.output,
        error,
        attempts: ending.attempts,
        cost_usd,
        task_type: Some(plan.explanation.task_type),
        lane: task.constraints.lane,
        key: task.key,
        step: task.step,
        times: Times {
            submitted_at: task.submitted_at,
            admitted_at: Some(admission.admitted_at),
            routed_at: Some(plan.routed_at),
            started_at: Some(ending.started_at),
            finished_at: ending.finished_at,
            added_us: total_us.saturating_sub(waited_us),
        },
        admission: Some(admission),
        route: Some(plan.explanation),
        deliver: task.deliver,
        metadata: task.metadata,
    }
}

/// The outcome and error for the step at which a task without an answer ended.
#[must_use]
pub fn failure(step: &Step<'_>, attempts: &[Attempt]) -> (Outcome, TaskError) {
    match step {
        Step::Expired => (Outcome::Expired, error("deadline_exceeded", "the deadline passed before a model answered; give more time".into(), None)),
        Step::OverCost { spent, limit } => {
            let text = format!("{spent} US dollars are spent and another attempt could exceed the limit of {limit}; raise constraints.max_cost_usd");
            (Outcome::Failed, error("cost_limit_reached", text, None))
        }
        Step::NotAdmitted(planned) => {
            (Outcome::Failed, error("admission_invalid", format!("the plan names {}, which governance did not admit", planned.model), None))
        }
        _ => (Outcome::Failed, upstream(attempts)),
    }
}

fn upstream(attempts: &[Attempt]) -> TaskError {
    let errors = || attempts.iter().filter_map(|attempt| Some((attempt, attempt.error.as_ref()?)));
    let each: Vec<String> = errors().map(|(attempt, error)| format!("{}: {} ({})", attempt.model, class_name(error.class), error.message)).collect();
    let retry_after_ms = errors().filter_map(|(_, error)| error.retry_after_ms).min();
    let last = errors().next_back().map(|(_, error)| error.class);
    let code = match last {
        Some(ErrorClass::BadRequest) => "invalid_request",
        Some(ErrorClass::ContextLength) if each.len() == 1 => "context_length_exceeded",
        _ if errors().all(|(_, error)| error.class == ErrorClass::Auth || error.class == ErrorClass::Quota) => "upstream_credentials_exhausted",
        _ => "upstream_failed",
    };
    error(code, format!("no model answered: {}", each.join("; ")), retry_after_ms)
}

/// A task error without faults of the input.
#[must_use]
pub fn error(code: &str, message: String, retry_after_ms: Option<u64>) -> TaskError {
    TaskError { code: code.into(), message, problems: Vec::new(), retry_after_ms }
}

fn class_name(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimit => "rate limited",
        ErrorClass::Quota => "out of credit",
        ErrorClass::Auth => "credential refused",
        ErrorClass::ContextLength => "input too long",
        ErrorClass::Refusal => "content refused",
        ErrorClass::BadRequest => "request refused",
        ErrorClass::Timeout => "timed out",
        ErrorClass::Overload => "overloaded",
        ErrorClass::Malformed => "unusable answer",
        ErrorClass::Network => "connection failed",
    }
}
