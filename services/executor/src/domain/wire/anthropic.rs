//! Anthropic Messages.

mod answer;
mod request;

use super::{Asked, Outgoing, Wire, written};
use crate::domain::{answer::Answer, failure::Failure};
use neptune_contracts::Timestamp;

/// The only version there is.
const API_VERSION: &str = "2023-06-01";

pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        let (body, warnings) = request::body(asked)?;
        let version = asked.model.api_version.as_deref().unwrap_or(API_VERSION);
        Ok(Outgoing {
            path: "messages".into(),
            headers: vec![("anthropic-version", version.to_owned())],
            body: written(&body)?,
            warnings,
        })
    }

    fn answer(&self, body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name, now)
    }
}
