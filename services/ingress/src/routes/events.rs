//! `POST /v1/events`: an event for whoever of the team listens.

use super::openapi;
use crate::{
    domain::event::{self, EventRequest},
    gate::Gate,
    problem::{Fault, Shape},
    receive,
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use neptune_contracts::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// An event was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Published {
    /// Its id.
    id: String,
    /// Where it is from.
    source: String,
    /// Whether it was not stored before, as far as is remembered: for ten minutes.
    is_new: bool,
}

/// `POST /v1/events`.
pub async fn publish(State(gate): State<Gate>, request: Request) -> Response {
    match publish_event(&gate, request).await {
        Ok(published) => (StatusCode::ACCEPTED, Json(published)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn publish_event(gate: &Gate, request: Request) -> Result<Published, Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    receive::no_other_hints(&head.headers, &[])?;
    let key = receive::idempotency_key(&head.headers)?;
    let body = receive::json(&head.headers, body).await?;
    let event = event::event(&body, key, &caller, Timestamp::now()).map_err(Fault::invalid)?;
    let stored = door.bus.publish(&event, &receive::cause(&head.headers)).await;
    let stored = stored.map_err(|error| Fault::from(&error))?;
    Ok(Published { id: event.id, source: event.source, is_new: !stored.duplicate })
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("publishEvent")
        .summary("Publish an event")
        .description(
            "A CloudEvent (1.0, JSON) for whoever of the team listens at this time: steps of running runs, and \
             schedules. It is kept for nobody who begins to listen later; an event for one run, which is kept for it, \
             is a signal. Of two events with the same source and id the second is a repeat.",
        )
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<EventRequest>>()
        .response_with::<202, Json<Published>, _>(|answer| {
            answer.description("The event is stored, and will be heard.")
        })
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}
