//! `/v1/tasks/{id}/feedback`: say how good an answer was.

use super::{openapi, tasks::Which};
use crate::{
    domain::json,
    gate::Gate,
    problem::{Fault, Shape},
    receive, submitting,
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use neptune_contracts::{
    Timestamp,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How good an answer was.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// 0 for useless, 1 for right.
    #[schemars(range(min = 0, max = 1))]
    score: f64,
    /// Who says so; `caller`, whose word is as strong as a person's, if not given. Of several about one task only
    /// the strongest counts.
    #[serde(default)]
    by: FeedbackBy,
}

/// Feedback was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Taken {
    /// Its id.
    id: FeedbackId,
    /// The task it is about.
    task: TaskId,
}

/// `POST /v1/tasks/{id}/feedback`.
pub async fn give(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    match give_feedback(&gate, &id, request).await {
        Ok(taken) => (StatusCode::ACCEPTED, Json(taken)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn give_feedback(gate: &Gate, id: &str, request: Request) -> Result<Taken, Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    let malformed = |_| Fault::bad_request("id", "not a UUID", "use the id that the submit answered");
    let task: TaskId = id.parse().map_err(malformed)?;
    let Feedback { score, by } = read(&receive::json(&head.headers, body).await?)?;
    let Some(finished) = submitting::stored(door, &caller.team, task).await? else {
        let text =
            "no finished task has this id: it is still running, ended more than 24 hours ago, or was never submitted";
        return Err(Fault::new(404, "invalid_request_error", "not_finished_or_unknown", text).about(task));
    };
    if finished.winner().is_none() {
        let text = "no model answered this task, so there is no answer to judge; give feedback on tasks that completed";
        return Err(Fault::new(409, "invalid_request_error", "no_answer", text).about(task));
    }
    let id = FeedbackId::mint();
    let feedback = FeedbackGiven { id, team: Some(caller.team), task, score, by, given_at: Timestamp::now() };
    let published = door.bus.publish(&feedback, &receive::cause(&head.headers)).await;
    published.map_err(|error| submitting::not_stored(&error, task))?;
    Ok(Taken { id, task })
}

fn read(body: &[u8]) -> Result<Feedback, Fault> {
    let remedy = "send {\"score\": 0 to 1, \"by\": \"caller\", \"person\", \"validator\", \"judge\" or \"implied\"}";
    let feedback: Feedback =
        json::read(body).map_err(|fault| Fault::bad_request(&fault.field, &fault.message, remedy))?;
    if !(0.0..=1.0).contains(&feedback.score) {
        return Err(Fault::bad_request("score", "out of range, the limit is 0 to 1", remedy));
    }
    Ok(feedback)
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("giveFeedback")
        .summary("Say how good an answer was")
        .description(
            "The router learns from it which models are good at such work. For a day after the task has ended; 404 \
             while it runs or for another team's task, 409 when no model answered it. Of several about one task only \
             the strongest counts (person or caller, validator, judge, implied), of two equally strong ones the later. \
             Without `by` it counts as the caller's own word.",
        )
        .input::<openapi::PathParameters<Which>>()
        .input::<Json<Feedback>>()
        .response_with::<202, Json<Taken>, _>(|answer| answer.description("The feedback is stored, and will count."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}
