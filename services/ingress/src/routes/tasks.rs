//! `/v1/tasks`: submit a task, read its result.

use super::{RawBody, caller, cause, idempotency_key, json_body, submitter};
use crate::{
    Door,
    domain::submit,
    problem::{Fault, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    finished::TaskFinished,
    ids::TaskId,
    names::Team,
    resource::KeyRole,
    task::TaskSubmitted,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest wait for an answer.
const MAX_WAIT_SECONDS: u64 = 600;

/// Whether to wait.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Wait {
    /// Wait this many seconds, 1 to 600, for the task to finish.
    pub wait: Option<String>,
}

/// A task was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// Its id.
    pub id: TaskId,
    /// Where its result will be.
    pub status_url: String,
}

/// `POST /v1/tasks`.
pub async fn submit(State(door): State<Door>, Query(wait): Query<Wait>, headers: HeaderMap, body: RawBody) -> Response {
    match submit_task(&door, &wait, &headers, body).await {
        Ok(response) => response,
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn submit_task(door: &Door, wait: &Wait, headers: &HeaderMap, body: RawBody) -> Result<Response, Fault> {
    let caller = submitter(door, headers)?;
    let wait = wait_time(wait)?;
    let body = json_body(headers, body)?;
    let key = idempotency_key(headers)?;
    let task = submit::task(&body, &caller, key.as_deref(), Timestamp::now()).map_err(Fault::invalid)?;
    let id = task.id.unwrap_or_else(TaskId::mint);
    let finished = send(door, &task, &caller.team, id, wait, cause(headers)).await?;
    Ok(finished.map_or_else(|| accepted(id), |finished| (StatusCode::OK, Json(finished)).into_response()))
}

fn accepted(id: TaskId) -> Response {
    let status_url = format!("/v1/tasks/{id}");
    (StatusCode::ACCEPTED, [(header::LOCATION, status_url.clone())], Json(Accepted { id, status_url })).into_response()
}

fn wait_time(wait: &Wait) -> Result<Option<Duration>, Fault> {
    let Some(text) = &wait.wait else { return Ok(None) };
    let seconds = text.parse::<u64>().ok().filter(|seconds| (1..=MAX_WAIT_SECONDS).contains(seconds));
    let wrong = || Fault::new(400, "invalid_request_error", "invalid_request", format!("wait: not valid, the limit is 1 to {MAX_WAIT_SECONDS} seconds; leave it out to get the id at once"));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(wrong)
}

/// Stores the task and waits for its fact. Nothing when it is not there in time, or nobody waits.
pub(super) async fn send(door: &Door, task: &TaskSubmitted, team: &Team, id: TaskId, wait: Option<Duration>, cause: Cause) -> Result<Option<TaskFinished>, Fault> {
    let Some(wait) = wait else {
        door.bus.publish(task, &cause).await.map_err(|error| refuse(&error, id))?;
        return Ok(None);
    };
    let (reply_to, waiting) = door.replies.expect();
    let published = door.bus.publish(task, &cause.with_reply_to(reply_to)).await.map_err(|error| refuse(&error, id))?;
    if !published.duplicate {
        let stopping = door.shutdown.cancelled();
        return tokio::select! {
            finished = waiting.wait(wait) => match finished {
                Some(finished) => Ok(Some(finished)),
                // The answer may have been missed; the fact is stored all the same.
                None => read_result(door, team, id).await,
            },
            () = stopping => Ok(None),
        };
    }
    poll(door, team, id, wait).await
}

/// Waits for a task that somebody else submitted under the same id: its answer goes elsewhere.
async fn poll(door: &Door, team: &Team, id: TaskId, wait: Duration) -> Result<Option<TaskFinished>, Fault> {
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let found = read_result(door, team, id).await?;
        if found.is_some() || tokio::time::Instant::now() >= deadline || door.shutdown.is_cancelled() {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn read_result(door: &Door, team: &Team, id: TaskId) -> Result<Option<TaskFinished>, Fault> {
    door.bus.result(team, id).await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "a result could not be read");
        Fault::new(503, "service_unavailable", "bus_unavailable", "the result could not be read; ask again").about(id)
    })
}

fn refuse(error: &neptune_bus::PublishError, id: TaskId) -> Fault {
    tracing::warn!(task.id = %id, error = error as &dyn std::error::Error, "a task was not stored");
    Fault::from(error).about(id)
}

/// `GET /v1/tasks/{id}`.
pub async fn read(State(door): State<Door>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match read_task(&door, &id, &headers).await {
        Ok(finished) => (StatusCode::OK, Json(finished)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn read_task(door: &Door, id: &str, headers: &HeaderMap) -> Result<TaskFinished, Fault> {
    let caller = caller(door, headers)?;
    let malformed = |_| Fault::new(400, "invalid_request_error", "invalid_request", "id: not a UUID; use the id that the submit answered");
    let id: TaskId = id.parse().map_err(malformed)?;
    let teams: Vec<Team> = match caller.role {
        KeyRole::Caller => vec![caller.team],
        KeyRole::Admin => door.resources.borrow().teams.keys().filter_map(|team| team.parse().ok()).collect(),
    };
    for team in &teams {
        if let Some(finished) = read_result(door, team, id).await? {
            return Ok(finished);
        }
    }
    let text = "there is no finished task of this id; it may still be running, be older than 24 hours, or never have been submitted";
    Err(Fault::new(404, "invalid_request_error", "not_found", text).about(id))
}

pub(super) fn document_submit(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .summary("Submit a task")
        .description("Stores the task and answers 202 with its id; with `?wait=SECONDS` answers 200 with the finished fact when it is there in time. An `Idempotency-Key` makes a repeat the same task.")
        .input::<Json<TaskSubmitted>>()
        .response_with::<200, Json<TaskFinished>, _>(|answer| answer.description("The task has finished."))
        .response_with::<202, Json<Accepted>, _>(|answer| answer.description("The task is stored."))
}

pub(super) fn document_read(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .summary("Read a finished task")
        .description("The finished fact, for a day after the task has ended. 404 while it runs.")
        .response_with::<200, Json<TaskFinished>, _>(|answer| answer.description("The finished fact."))
}
