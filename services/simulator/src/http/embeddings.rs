//! Vectors that are the same for the same text, in the formats of OpenAI, Azure and Gemini.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
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
use crate::domain::dialect::{Dialect, Wrong};
use crate::domain::embedding;
use crate::domain::usage::{self, Usage};
use crate::provider::{Provider, Running};

const DIMENSIONS: usize = 256;
const DIMENSIONS_LIMIT: usize = 4_096;
const INPUTS_LIMIT: usize = 2_048;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
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

/// A request in whatever format.
struct Request {
    model: String,
    texts: Vec<String>,
    dimensions: usize,
    is_base64: bool,
    /// Gemini was asked for one vector, not for a list.
    is_one: bool,
}

/// `POST /v1/embeddings`.
pub(super) async fn embed(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    answer(&provider, &headers, (Dialect::OpenAi, None), body)
}

/// Faults that are refusals apply; waiting times are those of completions and do not.
pub(super) fn answer(
    provider: &Arc<Provider>,
    headers: &HeaderMap,
    (dialect, named): (Dialect, Option<&str>),
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    authorize(provider, headers, dialect)?;
    let refused = |wrong: Wrong| Refusal { wrong, dialect };
    let invalid = |message: String| refused(Wrong::Invalid(message));
    let body = body.map_err(|error| invalid(error.body_text()))?;
    let read = if dialect == Dialect::Gemini { read_gemini(&body) } else { read_openai(&body) };
    let mut asked = read.map_err(|error| invalid(format!("The body is no request for embeddings: {error}")))?;
    if let Some(named) = named {
        named.clone_into(&mut asked.model);
    }
    let Request { model, texts, dimensions, .. } = &asked;
    if texts.is_empty() || texts.len() > INPUTS_LIMIT || !(1..=DIMENSIONS_LIMIT).contains(dimensions) {
        return Err(invalid("Give 1 to 2048 texts and 1 to 4096 dimensions.".into()));
    }
    let model = provider.model(model).ok_or_else(|| refused(Wrong::UnknownModel(model.clone())))?;
    let digest = embedding::digest(texts);
    let call = Running::begin(provider, &model, digest, caller(headers));
    let fault = model.mishap(&mut model.draws(digest)).fault;
    if let Some(fault) = fault.filter(|fault| *fault != Fault::Slow) {
        call.failed(Outcome::of(Some(fault)));
        return Err(refused(wrong(fault, &model)));
    }
    let prompt = texts.iter().map(|text| usage::of_text(text)).sum();
    let body = written_as(dialect, &asked, prompt);
    call.answered(Outcome::of(fault), &Usage { prompt, ..Usage::default() });
    Ok(Json(body).into_response())
}

fn read_openai(body: &[u8]) -> Result<Request, serde_json::Error> {
    let asked: Asked = serde_json::from_slice(body)?;
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Several(texts) => texts,
    };
    let is_base64 = asked.encoding_format.as_deref() == Some("base64");
    let dimensions = asked.dimensions.unwrap_or(DIMENSIONS);
    Ok(Request { model: asked.model, texts, dimensions, is_base64, is_one: false })
}

fn read_gemini(body: &[u8]) -> Result<Request, serde_json::Error> {
    let body: Value = serde_json::from_slice(body)?;
    let requests = body.get("requests").and_then(Value::as_array);
    let all: Vec<&Value> = requests.map_or_else(|| vec![&body], |requests| requests.iter().collect());
    let said = |request: &&Value| request.pointer("/content/parts/0/text").and_then(Value::as_str).map(str::to_owned);
    let asked = all.first().and_then(|request| request.get("outputDimensionality")).and_then(Value::as_u64);
    let dimensions = asked.map_or(DIMENSIONS, |asked| usize::try_from(asked).unwrap_or(usize::MAX));
    let texts = all.iter().filter_map(said).collect();
    Ok(Request { model: String::new(), texts, dimensions, is_base64: false, is_one: requests.is_none() })
}

fn written_as(dialect: Dialect, asked: &Request, prompt: u64) -> Value {
    let vectors = asked.texts.iter().map(|text| embedding::vector(text, asked.dimensions));
    if dialect == Dialect::Gemini {
        let mut vectors: Vec<Value> = vectors.map(|vector| json!({"values": vector})).collect();
        return match vectors.pop() {
            Some(vector) if asked.is_one => json!({"embedding": vector}),
            last => json!({"embeddings": vectors.into_iter().chain(last).collect::<Vec<Value>>()}),
        };
    }
    let item = |(index, vector): (usize, Vec<f32>)| json!({"object": "embedding", "index": index, "embedding": written(&vector, asked.is_base64)});
    let data: Vec<Value> = vectors.enumerate().map(item).collect();
    json!({
        "object": "list", "data": data, "model": asked.model, "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
    })
}

/// As numbers, or as little-endian floats in base64, which OpenAI's own clients ask for.
fn written(vector: &[f32], is_base64: bool) -> Value {
    if is_base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        return BASE64_STANDARD.encode(bytes).into();
    }
    json!(vector)
}
