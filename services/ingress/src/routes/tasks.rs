//! `/v1/tasks`: submit a task, read its result.

use super::{explain, openapi};
use crate::{
    domain::{submit, wait},
    gate::{Door, Gate},
    problem::{Fault, Shape},
    receive,
    submitting::{self, Submitted, Wish},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use neptune_contracts::{
    Timestamp, finished::TaskFinished, ids::TaskId, names::Team, parked::Parked, resource::KeyRole, task::TaskSubmitted,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// Whether to wait.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Wait {
    /// Wait this many seconds for the task to finish.
    #[schemars(range(min = 1, max = 600))]
    wait: Option<u64>,
}

/// Which task.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Which {
    /// The id that the submit answered.
    id: TaskId,
}

/// A task was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// Its id.
    id: TaskId,
    /// Where its result will be.
    status_url: String,
    /// While no model has room for it, or those that could answer are left alone for a moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Waits>,
}

/// A task waits.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Waits {
    /// Since then.
    since: Timestamp,
    /// Then it is routed anew.
    until: Timestamp,
    /// How often it has waited, this time included.
    times: u32,
    /// Why.
    because: String,
}

/// How far a task is.
enum Known {
    Ended(Box<TaskFinished>),
    UnderWay(TaskId, Option<Waits>),
}

/// `POST /v1/tasks`.
pub async fn submit(State(gate): State<Gate>, request: Request) -> Response {
    match submit_task(&gate, request).await {
        Ok(Submitted { finished: Some(finished), .. }) => finished_task(&finished),
        Ok(Submitted { id, finished: None }) => accepted(id, None),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn submit_task(gate: &Gate, request: Request) -> Result<Submitted, Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    let wait = wait_time(&head.uri)?;
    receive::no_other_hints(&head.headers, &[])?;
    let idempotency_key = receive::idempotency_key(&head.headers)?;
    let body = receive::json(&head.headers, body).await?;
    let resources = door.resources.borrow().clone();
    let task = submit::task(&body, &caller, Timestamp::now(), &resources).map_err(Fault::invalid)?;
    drop(body);
    let wish = Wish { idempotency_key, wait, cause: receive::cause(&head.headers), deadline_in_ms: None };
    submitting::submit(door, &caller, task, wish).await
}

fn finished_task(finished: &TaskFinished) -> Response {
    let mut response = (StatusCode::OK, Json(finished)).into_response();
    explain(&mut response, finished);
    response
}

fn accepted(id: TaskId, waits: Option<Waits>) -> Response {
    let status_url = format!("/v1/tasks/{id}");
    (StatusCode::ACCEPTED, [(header::LOCATION, status_url.clone())], Json(Accepted { id, status_url, waits }))
        .into_response()
}

fn wait_time(uri: &Uri) -> Result<Option<Duration>, Fault> {
    // Pairs of texts always read, so that a fault is told in our words.
    let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = read.map_err(|_| Fault::bad_request("(query)", "not readable", "give ?wait=SECONDS or none"))?;
    let wait = wait::seconds(&pairs).map_err(|problem| Fault::invalid(vec![problem]))?;
    Ok(wait.map(Duration::from_secs))
}

/// `GET /v1/tasks/{id}`.
pub async fn read(State(gate): State<Gate>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match read_task(&gate, &id, &headers).await {
        Ok(Known::Ended(finished)) => finished_task(&finished),
        Ok(Known::UnderWay(id, waits)) => accepted(id, waits),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn read_task(gate: &Gate, id: &str, headers: &HeaderMap) -> Result<Known, Fault> {
    let door = gate.door()?;
    let caller = door.caller(headers)?;
    let malformed = |_| Fault::bad_request("id", "not a UUID", "use the id that the submit answered");
    let id: TaskId = id.parse().map_err(malformed)?;
    let teams = match caller.role {
        KeyRole::Caller => vec![caller.team],
        KeyRole::Admin => all_teams(door),
    };
    for team in &teams {
        if let Some(finished) = submitting::stored(door, team, id).await? {
            return Ok(Known::Ended(finished));
        }
    }
    for team in &teams {
        if submitting::is_under_way(door, team, id).await? {
            // It may have ended in between.
            return Ok(match submitting::stored(door, team, id).await? {
                Some(finished) => Known::Ended(finished),
                None => Known::UnderWay(id, submitting::parked(door, team, id).await?.map(|parked| waits(*parked))),
            });
        }
    }
    Err(submitting::unknown(id))
}

fn waits(Parked { parking, since, until, .. }: Parked) -> Waits {
    Waits { since, until, times: parking.times, because: parking.because }
}

fn all_teams(door: &Door) -> Vec<Team> {
    door.resources.borrow().teams.keys().filter_map(|team| team.parse().ok()).collect()
}

pub(super) fn document_submit(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("submitTask")
        .summary("Submit a task")
        .description(
            "Stores the task and answers 202 with its id, or with `?wait=SECONDS` answers 200 with the finished fact \
             when it is there in time. A repeat of a task that has ended answers its fact; a request of the same id or Idempotency-Key that \
             says anything else is a 422 that names the parts. Unknown fields are errors, and so are recipients that \
             can never be reached; \
             `team`, `origin` and `key` follow from the API key, whatever the body says.",
        )
        .input::<Query<Wait>>()
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<TaskSubmitted>>()
        .response_with::<200, Json<TaskFinished>, _>(|answer| answer.description("The task has ended; see `outcome`."))
        .response_with::<202, Json<Accepted>, _>(|answer| answer.description("The task is stored, and will end."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}

pub(super) fn document_read(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("readTask")
        .summary("Read a task")
        .description("The finished fact, for a day after the task has ended; 202 while it is under way, with why and until when while it waits for room, and 404 when no such task is known. An admin key reads the tasks of every team.")
        .input::<openapi::PathParameters<Which>>()
        .response_with::<200, Json<TaskFinished>, _>(|answer| answer.description("The finished fact."))
        .response_with::<202, Json<Accepted>, _>(|answer| answer.description("The task is accepted, and has not ended."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}
