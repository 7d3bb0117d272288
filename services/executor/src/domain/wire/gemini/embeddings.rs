//! Gemini's embeddings: one text by `embedContent`, several by `batchEmbedContents`.

use super::super::{Asked, openai::texts, reading, segment, warnings::Warnings, written};
use crate::domain::{
    embedding::{Vectors, read},
    failure::{Billed, Failure},
    wire::Outgoing,
};
use neptune_contracts::{attempt::ErrorClass, embedding::EmbeddingSpec};
use serde_json::{Value, json};

/// The request for the vectors of the texts.
pub(super) fn outgoing(asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
    let model = format!("models/{}", asked.upstream_model);
    let mut requests: Vec<Value> = texts(asked)
        .map(|text| {
            let mut request = json!({"model": model, "content": {"parts": [{"text": text}]}});
            if let (Some(dimensions), Some(fields)) = (spec.dimensions, request.as_object_mut()) {
                fields.insert("outputDimensionality".into(), dimensions.into());
            }
            request
        })
        .collect();
    let mut warnings = Warnings::of("Gemini");
    let others = asked.input.other.keys().filter(|name| *name != "user");
    others.for_each(|name| warnings.left_out(name));
    let is_one = requests.len() == 1;
    let (method, body) = match requests.pop() {
        Some(request) if is_one => ("embedContent", request),
        last => {
            requests.extend(last);
            ("batchEmbedContents", json!({ "requests": requests }))
        }
    };
    let path = format!("models/{}:{method}", segment(asked.upstream_model));
    Ok(Outgoing { path, headers: Vec::new(), body: written(&body)?, warnings: warnings.into_problems() })
}

/// The vectors of an answer.
pub(super) fn vectors(body: &[u8]) -> Result<Vectors, Failure> {
    let body = reading::object(body)?;
    let malformed = || Failure::new(ErrorClass::Malformed, "the answer holds no vectors").billed(Billed::Perhaps);
    let one = body.get("embedding").map(std::slice::from_ref);
    let items = one.unwrap_or_else(|| reading::list(&body, "/embeddings"));
    let vectors: Option<Vec<Vec<f32>>> = items.iter().map(|item| item.get("values").and_then(read)).collect();
    let input_tokens = reading::count(&body, "/usageMetadata/promptTokenCount");
    Ok(Vectors { vectors: vectors.ok_or_else(malformed)?, input_tokens })
}
