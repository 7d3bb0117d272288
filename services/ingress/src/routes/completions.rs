//! `POST /v1/chat/completions`, as OpenAI's clients expect it.

use super::{RawBody, cause, idempotency_key, json_body, submitter, tasks::send, text};
use crate::{
    Door,
    domain::{
        answer,
        submit::{self, Hints},
    },
    problem::{Fault, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{State},
    http::{HeaderMap, HeaderValue, StatusCode},
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
pub async fn complete(State(door): State<Door>, headers: HeaderMap, body: RawBody) -> Response {
    match answer_completion(&door, &headers, body).await {
        Ok(response) => response,
        Err(fault) => fault.answer(Shape::Openai),
    }
}

async fn answer_completion(door: &Door, headers: &HeaderMap, body: RawBody) -> Result<Response, Fault> {
    let caller = submitter(door, headers)?;
    let body = json_body(headers, body)?;
    let key = idempotency_key(headers)?;
    let task = submit::completion(&body, &hints(headers), &caller, key.as_deref(), Timestamp::now()).map_err(Fault::invalid)?;
    let id = task.id.unwrap_or_else(TaskId::mint);
    let late = || {
        let text = format!("the task was not finished in time; it goes on, GET /v1/tasks/{id} will have its result");
        Fault::new(504, "timeout_error", "wait_exceeded", text).about(id)
    };
    let finished = send(door, &task, &caller.team, id, Some(door.wait), cause(headers)).await?.ok_or_else(late)?;
    completed(finished)
}

fn hints(headers: &HeaderMap) -> Hints {
    Hints {
        max_cost_usd: text(headers, "x-neptune-max-cost-usd"),
        deadline_ms: text(headers, "x-neptune-deadline-ms"),
        route: text(headers, "x-neptune-route"),
        lane: text(headers, "x-neptune-lane"),
        task_type: text(headers, "x-neptune-task-type"),
    }
}

fn completed(mut finished: TaskFinished) -> Result<Response, Fault> {
    let explained = answer::headers(&finished);
    let mut response = match (finished.outcome, finished.output.take()) {
        (Outcome::Completed, Some(output)) => (StatusCode::OK, Json(output)).into_response(),
        (outcome, _) => {
            let missing = || TaskError { code: "no_output".into(), message: "the task ended without an answer".into(), problems: Vec::new(), retry_after_ms: None };
            let error = finished.error.take().unwrap_or_else(missing);
            Fault::of_task(answer::meaning(outcome, &error), error, finished.id).answer(Shape::Openai)
        }
    };
    for (name, value) in explained {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .summary("Create a chat completion")
        .description("OpenAI Chat Completions, without streaming. `model` is a model, or a route: `auto`, `auto:cheap`, `auto:fast`, `auto:best` or a named one. Headers `x-neptune-max-cost-usd`, `-deadline-ms`, `-route`, `-lane` and `-task-type` set constraints; the answer's `x-neptune-*` headers tell model, cost, attempts and added time.")
        .input::<Json<ChatRequest>>()
        .response_with::<200, Json<Value>, _>(|answer| answer.description("A chat completion object."))
}
