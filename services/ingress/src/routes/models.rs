//! `GET /v1/models`: what the key's team may name as a model.

use super::openapi;
use crate::{
    domain::catalogue::{self, ModelList},
    gate::Gate,
    problem::{Fault, OpenaiError, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};

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

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("listModels")
        .summary("List models and routes")
        .description("What the key's team may name as `model`: the routes, and the models it is granted.")
        .response_with::<200, Json<ModelList>, _>(|answer| answer.description("Models and routes."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}
