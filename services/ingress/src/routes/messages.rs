//! `POST /v1/messages`, as Anthropic's clients expect it.

use super::{
    completions::{Dialect, answer_in},
    openapi::{ForeignCall, foreign},
};
use crate::{gate::Gate, problem::AnthropicError};
use aide::transform::TransformOperation;
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::{Map, Value};

/// `POST /v1/messages`.
pub async fn create(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Messages).await
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let call = ForeignCall {
        id: "createMessage",
        summary: "Create a message",
        description: "Anthropic Messages, answered by any model: the request becomes a chat completion, and the answer a \
             message. What a chat completion cannot say (`top_k`, tools that run at the provider, …) is refused. The key \
             may stand in `x-api-key`. With `stream` the answer comes in Anthropic's events.",
        answer: "The message.",
        shape: "Anthropic's",
    };
    foreign::<Map<String, Value>, AnthropicError>(operation, call)
}
