//! OpenAI Responses, and every server that speaks it. Nothing is stored there: the whole conversation is
//! sent each time, as the task has it.

mod answer;
mod pieces;
mod request;

use super::{Asked, Outgoing, Pieces, Wire, openai, written};
use crate::domain::{answer::Answer, embedding::Vectors, failure::Failure};
use neptune_contracts::{Timestamp, embedding::EmbeddingSpec};

pub(super) struct Responses;

impl Wire for Responses {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        outgoing(asked, false)
    }

    fn streamed_request(&self, asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        Some(outgoing(asked, true))
    }

    fn pieces(&self, now: Timestamp) -> Box<dyn Pieces> {
        Box::new(pieces::Reader::new(now))
    }

    fn answer(&self, body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name, now)
    }

    fn embeddings_request(&self, asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
        Ok(openai::outgoing("embeddings".into(), openai::embeddings_body(asked, spec)?))
    }

    fn vectors(&self, body: &[u8]) -> Result<Vectors, Failure> {
        openai::vectors(body)
    }
}

fn outgoing(asked: &Asked<'_>, is_streamed: bool) -> Result<Outgoing, Failure> {
    let (mut body, warnings) = request::body(asked)?;
    if let (true, Some(fields)) = (is_streamed, body.as_object_mut()) {
        fields.insert("stream".into(), true.into());
    }
    Ok(Outgoing { path: "responses".into(), headers: Vec::new(), body: written(&body)?, warnings })
}
