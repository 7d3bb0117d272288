//! Google Gemini, `generateContent` and `streamGenerateContent`.

mod answer;
mod embeddings;
mod pieces;
mod refusal;
mod request;

use super::{Asked, Outgoing, Pieces, Refusal, Wire, segment, written};
use crate::domain::{answer::Answer, embedding::Vectors, failure::Failure};
use neptune_contracts::{Timestamp, embedding::EmbeddingSpec};

pub(super) struct Gemini;

impl Wire for Gemini {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        outgoing(asked, "generateContent")
    }

    fn streamed_request(&self, asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        Some(outgoing(asked, "streamGenerateContent?alt=sse"))
    }

    fn pieces(&self, now: Timestamp) -> Box<dyn Pieces> {
        Box::new(pieces::Reader::new(now))
    }

    fn answer(&self, body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name, now)
    }

    fn embeddings_request(&self, asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
        embeddings::outgoing(asked, spec)
    }

    fn vectors(&self, body: &[u8]) -> Result<Vectors, Failure> {
        embeddings::vectors(body)
    }

    fn refused(&self, refusal: &Refusal<'_>) -> Failure {
        refusal::read(refusal)
    }
}

fn outgoing(asked: &Asked<'_>, method: &str) -> Result<Outgoing, Failure> {
    let (body, warnings) = request::body(asked)?;
    let path = format!("models/{}:{method}", segment(asked.upstream_model));
    Ok(Outgoing { path, headers: Vec::new(), body: written(&body)?, warnings })
}
