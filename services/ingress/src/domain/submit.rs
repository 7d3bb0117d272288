//! From an HTTP body to the task it asks for.

use super::keys::Caller;
use neptune_contracts::{
    PicoUsd, Timestamp,
    chat::ChatRequest,
    ids::TaskId,
    names::{Lane, Origin, TaskType},
    problem::Problem,
    task::{Constraints, TaskSubmitted},
};
use serde_json::Value;
use uuid::Uuid;

/// Fields of `POST /v1/tasks`. The API is strict where messages are lenient: a misspelt limit must
/// not silently be no limit.
const FIELDS: &[&str] = &["id", "input", "task_type", "constraints", "output", "deliver", "metadata", "team", "origin", "key", "step"];
const CONSTRAINTS: &[&str] =
    &["max_cost_usd", "max_latency_ms", "deadline", "min_quality", "models", "route", "lane", "cache", "class"];

/// Headers of a completion that become constraints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// `x-neptune-max-cost-usd`.
    pub max_cost_usd: Option<String>,
    /// `x-neptune-deadline-ms`.
    pub deadline_ms: Option<String>,
    /// `x-neptune-route`.
    pub route: Option<String>,
    /// `x-neptune-lane`.
    pub lane: Option<String>,
    /// `x-neptune-task-type`.
    pub task_type: Option<String>,
}

/// The task of a `POST /v1/tasks` body.
///
/// # Errors
/// Every fault of the body.
pub fn task(body: &[u8], caller: &Caller, idempotency_key: Option<&str>, now: Timestamp) -> Result<TaskSubmitted, Vec<Problem>> {
    let value: Value = serde_json::from_slice(body).map_err(|error| vec![unreadable(&error)])?;
    let unknown = unknown_fields(&value);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut task: TaskSubmitted = serde_json::from_value(value).map_err(|error| vec![unreadable(&error)])?;
    task.step = None;
    task.id = Some(idempotency_key.map_or_else(|| task.id.unwrap_or_else(TaskId::mint), |key| task_id(caller, key)));
    settle(task, caller, now)
}

/// The task of a chat completion.
///
/// # Errors
/// Every fault of the body or the headers.
pub fn completion(
    body: &[u8],
    hints: &Hints,
    caller: &Caller,
    idempotency_key: Option<&str>,
    now: Timestamp,
) -> Result<TaskSubmitted, Vec<Problem>> {
    let request: ChatRequest = serde_json::from_slice(body).map_err(|error| vec![unreadable(&error)])?;
    if request.stream == Some(true) {
        return Err(vec![Problem::new("stream", "streaming is not served yet", "leave it out or send false")]);
    }
    let mut task = TaskSubmitted::new(caller.team.clone(), request);
    if let Some(key) = idempotency_key {
        task.id = Some(task_id(caller, key));
    }
    (task.constraints, task.task_type) = constraints(hints, now)?;
    let task = settle(task, caller, now);
    // The body of a completion is the input itself.
    task.map_err(|problems| problems.into_iter().map(|mut problem| { problem.field = problem.field.trim_start_matches("input.").into(); problem }).collect())
}

fn settle(mut task: TaskSubmitted, caller: &Caller, now: Timestamp) -> Result<TaskSubmitted, Vec<Problem>> {
    task.team = Some(caller.team.clone());
    task.key = Some(caller.key.clone());
    task.origin = Origin::Api;
    let problems = task.problems(now);
    if problems.is_empty() { Ok(task) } else { Err(problems) }
}

/// The same key of the same team is the same task.
fn task_id(caller: &Caller, idempotency_key: &str) -> TaskId {
    TaskId::derive(Uuid::NAMESPACE_OID, &format!("{}/{idempotency_key}", caller.team))
}

fn constraints(hints: &Hints, now: Timestamp) -> Result<(Constraints, Option<TaskType>), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong = |header: &str, limit: &str| problems.push(Problem::new(header, format!("not valid, expected {limit}"), "correct the header or leave it out"));
    let mut constraints = Constraints { route: hints.route.clone(), ..Constraints::default() };
    if let Some(text) = &hints.max_cost_usd {
        match text.parse::<PicoUsd>() {
            Ok(cost) => constraints.max_cost_usd = Some(cost),
            Err(_) => wrong("x-neptune-max-cost-usd", "US dollars like 0.25"),
        }
    }
    if let Some(text) = &hints.deadline_ms {
        match text.parse::<u32>().ok().filter(|millis| *millis > 0) {
            Some(millis) => constraints.deadline = Some(now.plus_millis(i64::from(millis))),
            None => wrong("x-neptune-deadline-ms", "milliseconds from now, 1 to 4294967295"),
        }
    }
    if let Some(text) = &hints.lane {
        match text.parse::<Lane>() {
            Ok(lane) => constraints.lane = lane,
            Err(_) => wrong("x-neptune-lane", "realtime or batch"),
        }
    }
    let task_type = hints.task_type.as_ref().map(|text| text.parse::<TaskType>());
    if let Some(Err(known)) = &task_type {
        wrong("x-neptune-task-type", known);
    }
    if problems.is_empty() { Ok((constraints, task_type.and_then(Result::ok))) } else { Err(problems) }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::new("(body)", format!("not readable: {error}"), "send JSON in the documented shape, see /openapi.json")
}

fn unknown_fields(value: &Value) -> Vec<Problem> {
    let of = |value: Option<&Value>, known: &[&str], prefix: &str| -> Vec<Problem> {
        let names = value.and_then(Value::as_object).into_iter().flat_map(|object| object.keys());
        let unknown = names.filter(|name| !known.contains(&name.as_str()));
        unknown.map(|name| Problem::new(format!("{prefix}{name}"), "no such field", format!("use one of {}", known.join(", ")))).collect()
    };
    let mut problems = of(Some(value), FIELDS, "");
    problems.extend(of(value.get("constraints"), CONSTRAINTS, "constraints."));
    problems
}
