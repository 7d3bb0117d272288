//! `POST /v1/embeddings`, as OpenAI's clients expect it.

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

/// `POST /v1/embeddings`.
pub async fn create(State(gate): State<Gate>, request: Request) -> Response {
    answer_in(&gate, request, Dialect::Embeddings).await
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("createEmbedding")
        .summary("Create embeddings")
        .description(
            "OpenAI Embeddings: `input` is a text or a list of up to 2048 texts (tokens are refused), `encoding_format` \
             `float` or `base64`. `model` is a model that gives embeddings, or a route of such models; `auto` is refused, because \
             vectors of different models cannot be compared.",
        )
        .input::<openapi::Headers<Hints>>()
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<Map<String, Value>>>()
        .response_with::<200, Json<Value>, _>(|answer| answer.description("The list of embeddings."))
        .default_response_with::<Json<OpenaiError>, _>(|answer| answer.description("The error in OpenAI's shape."))
        .security_requirement(openapi::API_KEY)
}
