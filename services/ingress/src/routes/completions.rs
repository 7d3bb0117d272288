//! `POST /v1/chat/completions`, as OpenAI's clients expect it.

mod stream;
mod voice;

use super::{
    explain,
    openapi::{ForeignCall, foreign},
};
use crate::{
    domain::{
        answer,
        hints::{self, Hints},
        responses::Echo,
        submit,
    },
    gate::Gate,
    problem::{Fault, OpenaiError},
    receive,
    submitting::{self, Wish},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use neptune_contracts::{
    Timestamp,
    chat::ChatRequest,
    finished::{Outcome, TaskError, TaskFinished},
    ids::TaskId,
    problem::Problem,
};
use serde_json::Value;
use tokio::time::Instant;

pub(super) use voice::Dialect;
use voice::{Asked, Voice};

/// `POST /v1/chat/completions`.
pub async fn complete(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Chat).await
}

/// Answers a request for a completion in the shape it came in.
pub(super) async fn answer_in(gate: &Gate, request: Request, dialect: Dialect) -> Response {
    answer_completion(gate, request, dialect).await.unwrap_or_else(|fault| fault.answer(dialect.errors()))
}

async fn answer_completion(gate: &Gate, request: Request, dialect: Dialect) -> Result<Response, Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    let idempotency_key = receive::idempotency_key(&head.headers)?;
    receive::no_other_hints(&head.headers, hints::NAMES)?;
    let hints = Hints::read(|name| receive::text(&head.headers, name).map(str::to_owned));
    let body = receive::json(&head.headers, body).await?;
    let resources = door.resources.borrow().clone();
    let Asked { request, labels, echo } = dialect.read(&body).map_err(Fault::invalid)?;
    drop(body);
    let as_sent = |faults: Vec<Problem>| Fault::invalid(faults.into_iter().map(|fault| dialect.fault(fault)).collect());
    let task = submit::completion((request, labels), &hints, &caller, Timestamp::now(), &resources);
    let task = task.map_err(as_sent)?;
    let (wait, cause) = (Some(door.wait), receive::cause(&head.headers));
    let wish = Wish { idempotency_key, wait, cause, deadline_in_ms: hints.deadline_ms.as_deref() };
    if task.input.stream != Some(true) {
        let submitted = submitting::submit(door, &caller, task, wish).await?;
        let finished = submitted.finished.ok_or_else(|| not_in_time(submitted.id))?;
        return Ok(answer(*finished, (dialect, echo)));
    }
    let with_usage = task.input.other.get("stream_options").and_then(|options| options.get("include_usage"));
    let with_usage = with_usage.and_then(Value::as_bool).unwrap_or(false);
    let deadline = Instant::now() + door.wait;
    let stored = submitting::store(door, &caller, task, (wish, true)).await?;
    let voice = Voice::of(dialect, with_usage, echo);
    stream::answer(gate.clone(), caller.team, stored, (deadline, voice), dialect).await
}

fn not_in_time(id: TaskId) -> Fault {
    let text = format!("the task was not finished in time; it goes on, and GET /v1/tasks/{id} will have its result");
    Fault::new(504, "timeout_error", "wait_exceeded", text).about(id)
}

/// In OpenAI's shape the model's own object is passed on as it is.
fn answer(mut finished: TaskFinished, (dialect, echo): (Dialect, Echo)) -> Response {
    let mut response = match (finished.outcome, finished.output.take()) {
        (Outcome::Completed, Some(output)) => (StatusCode::OK, Json(dialect.whole(output, echo))).into_response(),
        _ => failed(&mut finished, dialect).answer(dialect.errors()),
    };
    explain(&mut response, &finished);
    response
}

/// Why the task has no answer.
fn failed(finished: &mut TaskFinished, dialect: Dialect) -> Fault {
    let mut error = finished.error.take().unwrap_or_else(no_output);
    error.problems = error.problems.into_iter().map(|problem| dialect.fault(problem)).collect();
    Fault::of_task(answer::meaning(finished.outcome, &error), error, finished.id)
}

fn no_output() -> TaskError {
    let message = "the task ended without an answer".into();
    TaskError { code: "no_output".into(), message, problems: Vec::new(), retry_after_ms: None }
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let call = ForeignCall {
        id: "createChatCompletion",
        summary: "Create a chat completion",
        description: "OpenAI Chat Completions. With `stream` the answer comes in pieces as server-sent events: a failure after the \
             first piece is an event with an `error`, and a client that goes away cancels its task. `model` is a model, or a route: `auto`, `auto:cheap`, \
             `auto:fast`, `auto:best` or a named one. The answer's `x-neptune-*` headers tell the task's id, the \
             model, provider and route, cost, attempts, fallbacks and the milliseconds that Neptune added.",
        answer: "The model's chat completion object.",
        shape: "OpenAI's",
    };
    foreign::<ChatRequest, OpenaiError>(operation, call)
}
