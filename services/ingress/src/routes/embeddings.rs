//! `POST /v1/embeddings`, as OpenAI's clients expect it.

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

/// `POST /v1/embeddings`.
pub async fn create(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Embeddings).await
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let call = ForeignCall {
        id: "createEmbedding",
        summary: "Create embeddings",
        description: "OpenAI Embeddings: `input` is a text or a list of up to 2048 texts (tokens are refused), `encoding_format` \
             `float` or `base64`. `model` is a model that gives embeddings, or a route of such models; `auto` is refused, because \
             vectors of different models cannot be compared.",
        answer: "The list of embeddings.",
        shape: "OpenAI's",
    };
    foreign::<Map<String, Value>, OpenaiError>(operation, call)
}
