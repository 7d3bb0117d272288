//! `POST /v1/tasks/{id}/cancel`: the answer is not wanted any more.

use super::openapi;
use crate::{
    gate::Gate,
    problem::{Fault, Shape},
    receive, submitting,
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use neptune_contracts::ids::TaskId;
use schemars::JsonSchema;
use serde::Serialize;

/// Which task.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Which {
    /// The id that the submit answered.
    id: TaskId,
}

/// The word was passed on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Told {
    /// The task.
    id: TaskId,
}

/// `POST /v1/tasks/{id}/cancel`.
pub async fn cancel(State(gate): State<Gate>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match tell(&gate, &id, &headers).await {
        Ok(told) => (StatusCode::ACCEPTED, Json(told)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn tell(gate: &Gate, id: &str, headers: &HeaderMap) -> Result<Told, Fault> {
    let door = gate.door()?;
    let caller = door.submitter(headers)?;
    receive::no_other_hints(headers, &[])?;
    let malformed = |_| Fault::bad_request("id", "not a UUID", "use the id that the submit answered");
    let id: TaskId = id.parse().map_err(malformed)?;
    if submitting::stored(door, &caller.team, id).await?.is_some() {
        let text = "the task has ended already; GET /v1/tasks/{id} has its result";
        return Err(Fault::new(409, "invalid_request_error", "already_ended", text).about(id));
    }
    if !submitting::is_under_way(door, &caller.team, id).await? {
        return Err(submitting::unknown(id));
    }
    let unheard = |_| Fault::unavailable("bus_unavailable", "the word cannot be passed on; send it again").about(id);
    door.bus.cancel(&caller.team, id).await.map_err(unheard)?;
    Ok(Told { id })
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("cancelTask")
        .summary("Cancel a task")
        .description(
            "Says that the answer is not wanted any more. A call that is under way is cut, what it may have cost is \
             recorded, and the task ends as `cancelled`; a task that ends in the same moment stays as it is. 202 says \
             that the word was passed on, 409 that the task has ended already, 404 that the team has none of this id under way.",
        )
        .input::<openapi::PathParameters<Which>>()
        .response_with::<202, Json<Told>, _>(|answer| answer.description("The word was passed on."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}
