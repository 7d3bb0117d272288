//! `POST /v1/chat/completions`, as OpenAI's clients expect it.

use super::{explain, openapi};
use crate::{
    domain::{
        answer,
        hints::{self, Hints},
        submit,
    },
    gate::Gate,
    problem::{Fault, OpenaiError, Shape},
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
};
use serde_json::Value;

/// `POST /v1/chat/completions`.
pub async fn complete(State(gate): State<Gate>, request: Request) -> Response {
    match answer_completion(&gate, request).await {
        Ok(finished) => answer(*finished),
        Err(fault) => fault.answer(Shape::Openai),
    }
}

async fn answer_completion(gate: &Gate, request: Request) -> Result<Box<TaskFinished>, Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    let idempotency_key = receive::idempotency_key(&head.headers)?;
    receive::no_other_hints(&head.headers, hints::NAMES)?;
    let hints = Hints::read(|name| receive::text(&head.headers, name).map(str::to_owned));
    let body = receive::json(&head.headers, body).await?;
    let resources = door.resources.borrow().clone();
    let task = submit::completion(&body, &hints, &caller, Timestamp::now(), &resources).map_err(Fault::invalid)?;
    drop(body);
    let (wait, cause) = (Some(door.wait), receive::cause(&head.headers));
    let wish = Wish { idempotency_key, wait, cause, deadline_in_ms: hints.deadline_ms.as_deref() };
    let submitted = submitting::submit(door, &caller, task, wish).await?;
    submitted.finished.ok_or_else(|| not_in_time(submitted.id))
}

fn not_in_time(id: TaskId) -> Fault {
    let text = format!("the task was not finished in time; it goes on, and GET /v1/tasks/{id} will have its result");
    Fault::new(504, "timeout_error", "wait_exceeded", text).about(id)
}

/// The model's own object is passed on as it is.
fn answer(mut finished: TaskFinished) -> Response {
    let mut response = match (finished.outcome, finished.output.take()) {
        (Outcome::Completed, Some(output)) => (StatusCode::OK, Json(output)).into_response(),
        (outcome, _) => {
            let mut error = finished.error.take().unwrap_or_else(no_output);
            error.problems = error.problems.into_iter().map(submit::of_the_input).collect();
            Fault::of_task(answer::meaning(outcome, &error), error, finished.id).answer(Shape::Openai)
        }
    };
    explain(&mut response, &finished);
    response
}

fn no_output() -> TaskError {
    let message = "the task ended without an answer".into();
    TaskError { code: "no_output".into(), message, problems: Vec::new(), retry_after_ms: None }
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("createChatCompletion")
        .summary("Create a chat completion")
        .description(
            "OpenAI Chat Completions, without streaming. `model` is a model, or a route: `auto`, `auto:cheap`, \
             `auto:fast`, `auto:best` or a named one. The answer's `x-neptune-*` headers tell the task's id, the \
             model, provider and route, cost, attempts, fallbacks and the milliseconds that Neptune added.",
        )
        .input::<openapi::Headers<Hints>>()
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<ChatRequest>>()
        .response_with::<200, Json<Value>, _>(|answer| answer.description("The model's chat completion object."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}
