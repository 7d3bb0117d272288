//! The finished fact of a task that reached the executor.

use super::step::End;
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, AttemptError, ErrorClass, Validation},
    finished::{Outcome, TaskError, TaskFinished, Times},
    ids::AttemptId,
    plan::TaskRouted,
    problem::Problem,
    task::Constraints,
};
use serde_json::Value;

/// What is known when a task ends.
pub struct Ending {
    /// The answer, or why there is none.
    pub result: Result<Answered, Unanswered>,
    /// The attempts of this executor.
    pub made: Vec<Attempt>,
    /// When this executor took the task.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub struct Answered {
    /// The chat completion.
    pub output: Value,
    /// The attempt that brought it.
    pub by: AttemptId,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub struct Unanswered {
    /// How the task ends.
    pub outcome: Outcome,
    /// Why.
    pub error: TaskError,
    /// The last answer that was not as it must be, when that is why.
    pub output: Option<Value>,
}

/// The fact. Takes the task apart rather than copying it.
#[must_use]
pub fn finished(routed: TaskRouted, ending: Ending) -> TaskFinished {
    let TaskRouted { task, admission, plan, attempts_made } = routed;
    let at_work_us = task.micros_at_work(ending.finished_at);
    let parked = task.parking();
    let mut attempts = attempts_made;
    attempts.extend(ending.made);
    let waited_us = waited_us(&attempts);
    if let Some(before) = task.parked {
        attempts.splice(..0, before.attempts);
    }
    let mut warnings = task.warnings;
    let answered = attempts.iter().rev().find(|attempt| attempt.succeeded());
    warnings.extend(answered.into_iter().flat_map(|attempt| attempt.warnings.iter().cloned()));
    warnings.extend(given_up(&task.constraints, &plan.explanation.relaxed));
    let (outcome, output, answered_by, error) = match ending.result {
        Ok(Answered { output, by }) => (Outcome::Completed, Some(output), Some(by), None),
        Err(Unanswered { outcome, error, output }) => (outcome, output, None, Some(error)),
    };
    TaskFinished {
        id: task.id,
        team: task.team,
        origin: task.origin,
        outcome,
        output,
        error,
        cost_usd: attempts.iter().map(|attempt| attempt.cost_usd).sum::<PicoUsd>(),
        attempts,
        answered_by,
        parked,
        cache: None,
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
            added_us: at_work_us.saturating_sub(waited_us),
        },
        admission: Some(admission),
        route: Some(plan.explanation),
        deliver: task.deliver,
        metadata: task.metadata,
        fingerprint: task.fingerprint,
        warnings,
    }
}

/// How long any call was under way. Calls at the same time are waited for once.
fn waited_us(attempts: &[Attempt]) -> u64 {
    let mut spans: Vec<(i64, i64)> = attempts
        .iter()
        .map(|attempt| {
            let began_us = attempt.started_at.unix_micros();
            (began_us, began_us.saturating_add_unsigned(attempt.latency_us))
        })
        .collect();
    spans.sort_unstable();
    let (mut waited_us, mut until_us) = (0_u64, i64::MIN);
    for (began_us, ended_us) in spans {
        waited_us =
            waited_us.saturating_add(u64::try_from(ended_us.saturating_sub(began_us.max(until_us))).unwrap_or(0));
        until_us = until_us.max(ended_us);
    }
    waited_us
}

/// Wishes of the task's own that gave way because no model met them all.
fn given_up(constraints: &Constraints, relaxed: &[String]) -> Vec<Problem> {
    let wishes = [
        ("quality", "constraints.min_quality", constraints.min_quality.is_some()),
        ("latency", "constraints.max_latency_ms", constraints.max_latency_ms.is_some()),
    ];
    let gave_way =
        wishes.iter().filter(|(wish, _, is_asked)| *is_asked && relaxed.iter().any(|gave_way| gave_way == wish));
    let text = "no model met it, so it gave way";
    let remedy = "ask for less, add a model, or read route.candidates to see what was possible";
    gave_way.map(|(_, field, _)| Problem::new(*field, text, remedy)).collect()
}

/// The fact of a task whose answer cannot be stored: the same without the answer, its cost kept.
#[must_use]
pub fn without_output(finished: TaskFinished, reason: String) -> TaskFinished {
    let error = error("answer_not_storable", format!("a model answered and the answer cannot be stored: {reason}"));
    TaskFinished { outcome: Outcome::Failed, output: None, answered_by: None, error: Some(error), ..finished }
}

/// The end of a task without an answer after all its `attempts`. When there were answers and none was
/// as it must be, that is why, and the `last` of them is kept.
#[must_use]
pub fn unanswered(end: End, attempts: &[&Attempt], last: Option<Value>) -> Unanswered {
    let (outcome, error) = failure(end, attempts.iter().copied());
    let invalid: Vec<(&str, &Validation)> = attempts
        .iter()
        .filter_map(|attempt| Some((attempt.model.as_str(), attempt.validation.as_ref()?)))
        .filter(|(_, validation)| !validation.passed)
        .collect();
    match invalid.last() {
        Some((_, validation)) if outcome == Outcome::Failed => {
            let has_failed = end != End::Exhausted || attempts.iter().any(|attempt| attempt.error.is_some());
            let ended = Some(error).filter(|_| has_failed);
            Unanswered { outcome, error: output_invalid(&invalid, validation, ended), output: last }
        }
        _ => Unanswered { outcome, error, output: None },
    }
}

fn output_invalid(invalid: &[(&str, &Validation)], last: &Validation, ended: Option<TaskError>) -> TaskError {
    let each: Vec<String> =
        invalid.iter().map(|(model, validation)| format!("{model}: {}", validation.problems.join(", "))).collect();
    let further = ended.as_ref().map(|ended| format!("; {}", ended.message)).unwrap_or_default();
    let message = format!("no answer is what output asks for ({}){further}", each.join("; "));
    let remedy = "ask for less, say in the prompt what is wanted, or choose a route with stronger models";
    let problems = last.problems.iter().map(|problem| Problem::new("output", problem.clone(), remedy)).collect();
    TaskError {
        problems,
        retry_after_ms: ended.and_then(|ended| ended.retry_after_ms),
        ..error("output_invalid", message)
    }
}

fn failure<'a>(end: End, attempts: impl Iterator<Item = &'a Attempt>) -> (Outcome, TaskError) {
    let failed = last_failures(attempts.filter(|attempt| !attempt.is_lost()));
    let tried = if failed.is_empty() { String::new() } else { format!(" ({})", list(&failed)) };
    let (outcome, code, message) = match end {
        End::Exhausted if failed.is_empty() => {
            (Outcome::Failed, "upstream_failed", "the plan names no model to call".to_owned())
        }
        End::Exhausted => (Outcome::Failed, code(&failed), format!("no model answered: {}", list(&failed))),
        End::Expired => (
            Outcome::Expired,
            "deadline_exceeded",
            format!("the deadline passed before a model answered; give more time{tried}"),
        ),
        End::AdmissionExpired => (
            Outcome::Failed,
            "admission_invalid",
            format!("the admission expired before a model answered; submit the task again{tried}"),
        ),
        End::Cancelled => (Outcome::Cancelled, "cancelled", format!("the answer was not wanted any more{tried}")),
        End::Interrupted => (
            Outcome::Failed,
            "stream_interrupted",
            format!("the answer broke off after pieces of it were passed on; ask again{tried}"),
        ),
        End::OverCost { spent, next, limit } => {
            let message = format!(
                "{spent} US dollars are spent and the next attempt is expected to cost {next}, which exceeds the limit of {limit}; raise constraints.max_cost_usd{tried}"
            );
            (Outcome::Failed, "cost_limit_reached", message)
        }
    };
    let retry_after_ms = failed.iter().filter_map(|(_, error)| error.retry_after_ms).min();
    (outcome, TaskError { retry_after_ms, ..error(code, message) })
}

/// How each model failed last, in the order in which they did.
fn last_failures<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Vec<(&'a str, &'a AttemptError)> {
    let mut failed: Vec<(&str, &AttemptError)> = Vec::new();
    for attempt in attempts {
        if let Some(error) = &attempt.error {
            failed.retain(|(model, _)| *model != attempt.model);
            failed.push((&attempt.model, error));
        }
    }
    failed
}

/// The end of a task whose admission or output spec does not hold.
#[must_use]
pub fn not_admitted(reason: String) -> Unanswered {
    Unanswered { outcome: Outcome::Failed, error: error("admission_invalid", reason), output: None }
}

fn error(code: &str, message: String) -> TaskError {
    TaskError { code: code.into(), message, problems: Vec::new(), retry_after_ms: None }
}

fn list(failed: &[(&str, &AttemptError)]) -> String {
    let each: Vec<String> =
        failed.iter().map(|(model, error)| format!("{model}: {} ({})", words(error.class), error.message)).collect();
    each.join("; ")
}

/// The code of the class that all failures share, `upstream_failed` when they differ. A request
/// that was refused as wrong decides alone, because nothing was tried after it.
fn code(failed: &[(&str, &AttemptError)]) -> &'static str {
    let all = |classes: &[ErrorClass]| failed.iter().all(|(_, error)| classes.contains(&error.class));
    if failed.last().is_some_and(|(_, error)| error.class == ErrorClass::BadRequest) {
        "invalid_request"
    } else if all(&[ErrorClass::ContextLength]) {
        "context_length_exceeded"
    } else if failed.iter().all(|(_, error)| error.class == ErrorClass::Unsupported && error.http_status.is_none()) {
        // Nobody was called: what is asked for cannot be said to any of them.
        "capability_missing"
    } else if all(&[ErrorClass::RateLimit]) {
        "rate_limit_exceeded"
    } else if all(&[ErrorClass::Auth, ErrorClass::Quota]) {
        "upstream_credentials_exhausted"
    } else if all(&[ErrorClass::Refusal]) {
        "content_refused"
    } else if all(&[ErrorClass::Timeout]) {
        "upstream_timeout"
    } else {
        "upstream_failed"
    }
}

fn words(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimit => "rate limited",
        ErrorClass::Quota => "out of credit",
        ErrorClass::Auth => "credential refused",
        ErrorClass::ContextLength => "input too long",
        ErrorClass::Refusal => "content refused",
        ErrorClass::BadRequest => "request refused",
        ErrorClass::Unsupported => "not supported",
        ErrorClass::Timeout => "timed out",
        ErrorClass::Overload => "overloaded",
        ErrorClass::Malformed => "unusable answer",
        ErrorClass::Network => "connection failed",
        ErrorClass::Cancelled => "called off",
    }
}

#[cfg(test)]
mod tests;
