//! `POST /v1/responses`, as OpenAI's clients expect it.

use super::{
    completions::{Dialect, answer_in},
    openapi::{ForeignCall, foreign},
};
use crate::{gate::Gate, problem::OpenaiError};
use aide::transform::TransformOperation;
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::{Map, Value};

/// `POST /v1/responses`.
pub async fn create(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Responses).await
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let call = ForeignCall {
        id: "createResponse",
        summary: "Create a response",
        description: "OpenAI Responses, answered by any model: the request becomes a chat completion, and the answer a response. Nothing \
             is stored: the whole conversation stands in `input` (`store: true`, `previous_response_id`, `conversation`, \
             `background` and tools that run at the provider are refused). With `stream` the answer comes in typed events. \
             `metadata` is kept with the task.",
        answer: "The response.",
        shape: "OpenAI's",
    };
    foreign::<Map<String, Value>, OpenaiError>(operation, call)
}
