//! `POST /v1/embeddings`: vectors that are the same for the same text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorize::authorize;
use super::completions::{caller, wrong};
use super::refusal::Refusal;
use crate::account::Outcome;
use crate::domain::behaviour::Fault;
use crate::domain::dialect::Dialect;
use crate::domain::embedding;
use crate::domain::usage::{self, Usage};
use crate::provider::{Provider, Running};

const DIMENSIONS: usize = 256;
const DIMENSIONS_LIMIT: usize = 4_096;
const INPUTS_LIMIT: usize = 2_048;

#[derive(Deserialize)]
pub(super) struct Asked {
    model: String,
    input: Input,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Several(Vec<String>),
}

/// Faults that are refusals apply; waiting times are those of completions and do not.
pub(super) async fn embed(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Refusal> {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| Refusal::invalid(format!("The body is no request for embeddings: {error}")))?;
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Several(texts) => texts,
    };
    let dimensions = asked.dimensions.unwrap_or(DIMENSIONS);
    if texts.is_empty() || texts.len() > INPUTS_LIMIT || !(1..=DIMENSIONS_LIMIT).contains(&dimensions) {
        return Err(Refusal::invalid("Give 1 to 2048 texts and 1 to 4096 dimensions."));
    }
    let model = provider.model(&asked.model).ok_or_else(|| Refusal::unknown_model(&asked.model))?;
    let digest = embedding::digest(&texts);
    let call = Running::begin(&provider, &model, digest, caller(&headers));
    let fault = model.mishap(&mut model.draws(digest)).fault;
    if let Some(fault) = fault.filter(|fault| *fault != Fault::Slow) {
        call.failed(Outcome::of(Some(fault)));
        return Err(Refusal::new(wrong(fault, &model)));
    }
    let prompt = texts.iter().map(|text| usage::of_text(text)).sum();
    let is_base64 = asked.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embedding::vector(text, dimensions);
            json!({"object": "embedding", "index": index, "embedding": written(&vector, is_base64)})
        })
        .collect();
    let body = json!({
        "object": "list", "data": data, "model": asked.model, "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
    });
    call.answered(Outcome::of(fault), &Usage { prompt, ..Usage::default() });
    Ok(Json(body).into_response())
}

/// As numbers, or as little-endian floats in base64, which OpenAI's own clients ask for.
fn written(vector: &[f32], is_base64: bool) -> Value {
    if is_base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        return BASE64_STANDARD.encode(bytes).into();
    }
    json!(vector)
}
