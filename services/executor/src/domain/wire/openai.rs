//! OpenAI Chat Completions, and every server that speaks it: nothing is translated.

mod embeddings;

use super::{Asked, Outgoing, Pieces, Wire};
use crate::domain::{
    answer::{self, Answer, inner_error},
    embedding::Vectors,
    failure::Failure,
    sse::Event,
};
pub(super) use embeddings::{body as embeddings_body, texts, vectors};
use neptune_contracts::{Timestamp, attempt::ErrorClass, embedding::EmbeddingSpec};
use serde_json::Value;

pub(super) struct Openai;

impl Wire for Openai {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        Ok(outgoing("chat/completions".into(), body(asked)?))
    }

    fn streamed_request(&self, asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        Some(streamed_body(asked).map(|body| outgoing("chat/completions".into(), body)))
    }

    fn answer(&self, body: &[u8], name: &str, _now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name)
    }

    fn embeddings_request(&self, asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
        Ok(outgoing("embeddings".into(), embeddings_body(asked, spec)?))
    }

    fn vectors(&self, body: &[u8]) -> Result<Vectors, Failure> {
        vectors(body)
    }
}

pub(super) fn outgoing(path: String, body: Vec<u8>) -> Outgoing {
    Outgoing { path, headers: Vec::new(), body, warnings: Vec::new() }
}

/// The same, asking for pieces and for what was counted at the end.
pub(super) fn streamed_body(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let cannot = |_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON");
    asked.prompt.streamed_request(asked.upstream_model).map_err(cannot)
}

/// Chunks as they come, until `[DONE]`.
#[derive(Default)]
pub(super) struct Chunks {
    is_ended: bool,
}

impl Pieces for Chunks {
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure> {
        if event.data.trim() == "[DONE]" {
            self.is_ended = true;
            return Ok(Vec::new());
        }
        let unreadable = |_| Failure::new(ErrorClass::Malformed, "a piece of the answer is not JSON");
        let chunk: Value = serde_json::from_str(&event.data).map_err(unreadable)?;
        match inner_error(&chunk) {
            Some(failure) => Err(failure),
            None => Ok(vec![chunk]),
        }
    }

    fn is_ended(&self) -> bool {
        self.is_ended
    }
}

/// The request as it came, under the name the provider knows the model by.
pub(super) fn body(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let cannot = |_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON");
    asked.prompt.request(asked.upstream_model).map_err(cannot)
}
