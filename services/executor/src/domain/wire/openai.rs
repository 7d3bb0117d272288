//! OpenAI Chat Completions, and every server that speaks it: nothing is translated.

use super::{Asked, Outgoing, Wire};
use crate::domain::{
    answer::{self, Answer},
    failure::Failure,
};
use neptune_contracts::{Timestamp, attempt::ErrorClass};

pub(super) struct Openai;

impl Wire for Openai {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        Ok(Outgoing { path: "chat/completions".into(), headers: Vec::new(), body: body(asked)?, warnings: Vec::new() })
    }

    fn answer(&self, body: &[u8], name: &str, _now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name)
    }
}

/// The request as it came, under the name the provider knows the model by.
pub(super) fn body(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let cannot = |_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON");
    asked.prompt.request(asked.upstream_model).map_err(cannot)
}
