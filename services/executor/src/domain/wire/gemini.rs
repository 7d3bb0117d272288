//! Google Gemini, `generateContent`.

mod answer;
mod refusal;
mod request;

use super::{Asked, Outgoing, Refusal, Wire, segment, written};
use crate::domain::{answer::Answer, failure::Failure};
use neptune_contracts::Timestamp;

pub(super) struct Gemini;

impl Wire for Gemini {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        let (body, warnings) = request::body(asked)?;
        let path = format!("models/{}:generateContent", segment(asked.upstream_model));
        Ok(Outgoing { path, headers: Vec::new(), body: written(&body)?, warnings })
    }

    fn answer(&self, body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name, now)
    }

    fn refused(&self, refusal: &Refusal<'_>) -> Failure {
        refusal::read(refusal)
    }
}
