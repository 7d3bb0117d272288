//! OpenAI's embeddings, which Azure and compatible servers give in the same words.

use super::super::{Asked, reading, written};
use crate::domain::{
    answer::inner_error,
    embedding::{Vectors, read},
    failure::{Billed, Failure},
};
use neptune_contracts::{attempt::ErrorClass, chat::ChatMessage, embedding::EmbeddingSpec};
use serde_json::{Map, Value, json};

/// The request for the vectors of the texts.
pub(in super::super) fn body(asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Vec<u8>, Failure> {
    let mut body: Map<String, Value> = asked.input.other.clone();
    body.insert("model".into(), asked.upstream_model.into());
    body.insert("input".into(), texts(asked).collect());
    body.insert("encoding_format".into(), json!(spec.encoding_format));
    if let Some(dimensions) = spec.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    written(&Value::Object(body))
}

/// The texts, one a message.
pub(in super::super) fn texts<'a>(asked: &Asked<'a>) -> impl Iterator<Item = String> + use<'a> {
    let whole = |message: &ChatMessage| message.texts().collect::<String>();
    asked.input.messages.iter().map(whole)
}

/// The vectors of an answer, in the order of the texts.
pub(in super::super) fn vectors(body: &[u8]) -> Result<Vectors, Failure> {
    let body = reading::object(body)?;
    if let Some(failure) = inner_error(&body) {
        return Err(failure);
    }
    let malformed = || Failure::new(ErrorClass::Malformed, "the answer is no list of vectors").billed(Billed::Perhaps);
    let mut vectors = Vec::new();
    for (place, item) in reading::list(&body, "/data").iter().enumerate() {
        let index = reading::count(item, "/index").unwrap_or(place as u64);
        vectors.push((index, item.get("embedding").and_then(read).ok_or_else(malformed)?));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let input_tokens = reading::count(&body, "/usage/prompt_tokens");
    Ok(Vectors { vectors: vectors.into_iter().map(|(_, vector)| vector).collect(), input_tokens })
}
