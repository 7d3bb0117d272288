//! `/v1/models`: what the key's team may name as a model.

use super::openapi;
use crate::{
    domain::catalogue::{self, ModelEntry, ModelList},
    gate::Gate,
    problem::{Fault, OpenaiError, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Most characters of an unknown id that are repeated to whoever sent it.
const MAX_TOLD_CHARACTERS: usize = 128;

/// Which model.
#[derive(Debug, JsonSchema, Serialize)]
pub struct WhichModel {
    /// A model or route of the list. A slash in it may be sent as it is, or as `%2F`.
    id: String,
}

/// `GET /v1/models`.
pub async fn list(State(gate): State<Gate>, headers: HeaderMap) -> Response {
    match models(&gate, &headers) {
        Ok(models) => Json(models).into_response(),
        Err(fault) => fault.answer(Shape::Openai),
    }
}

fn models(gate: &Gate, headers: &HeaderMap) -> Result<ModelList, Fault> {
    let door = gate.door()?;
    let caller = door.caller(headers)?;
    Ok(catalogue::list(&door.resources.borrow(), caller.team.as_str()))
}

/// `GET /v1/models/{id}`, whose id may hold slashes.
pub async fn retrieve(State(gate): State<Gate>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match model(&gate, &id, &headers) {
        Ok(model) => Json(model).into_response(),
        Err(fault) => fault.answer(Shape::Openai),
    }
}

fn model(gate: &Gate, id: &str, headers: &HeaderMap) -> Result<ModelEntry, Fault> {
    let door = gate.door()?;
    let caller = door.caller(headers)?;
    catalogue::find(&door.resources.borrow(), caller.team.as_str(), id).ok_or_else(|| {
        let told: String = id.chars().take(MAX_TOLD_CHARACTERS).collect();
        let text = format!(
            "the model {told:?} does not exist or team {} may not use it; GET /v1/models lists those it may",
            caller.team
        );
        Fault::new(404, "invalid_request_error", "model_not_found", text)
    })
}

pub(super) fn document_retrieve(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("retrieveModel")
        .summary("Read one model or route")
        .description("An entry of the list; 404 `model_not_found` for a name that is not in it.")
        .input::<openapi::PathParameters<WhichModel>>()
        .response_with::<200, Json<ModelEntry>, _>(|answer| answer.description("The model or route."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("listModels")
        .summary("List models and routes")
        .description("What the key's team may name as `model`: the routes, and the models it is granted.")
        .response_with::<200, Json<ModelList>, _>(|answer| answer.description("Models and routes."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}
