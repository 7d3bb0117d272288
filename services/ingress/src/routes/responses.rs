//! `POST /v1/responses`, as OpenAI's clients expect it.

use super::{
    completions::{Dialect, answer_in},
    openapi,
};
use crate::{domain::hints::Hints, gate::Gate, problem::OpenaiError};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Request, State},
    response::Response,
};
use serde_json::{Map, Value};

/// `POST /v1/responses`.
pub async fn create(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Responses).await
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("createResponse")
        .summary("Create a response")
        .description(
            "OpenAI Responses, answered by any model: the request becomes a chat completion, and the answer a response. Nothing \
             is stored: the whole conversation stands in `input` (`store: true`, `previous_response_id`, `conversation`, \
             `background` and tools that run at the provider are refused). With `stream` the answer comes in typed events. \
             `metadata` is kept with the task.",
        )
        .input::<openapi::Headers<Hints>>()
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<Map<String, Value>>>()
        .response_with::<200, Json<Value>, _>(|answer| answer.description("The response."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}
