//! Anthropic Messages.

mod answer;
mod pieces;
mod request;

use super::{Asked, Outgoing, Pieces, Wire, written};
use crate::domain::{answer::Answer, failure::Failure};
use neptune_contracts::{Timestamp, resource::ModelSpec};

/// The only version there is.
const API_VERSION: &str = "2023-06-01";

pub(super) struct Anthropic;

impl Wire for Anthropic {
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
}

pub(super) fn version(model: &ModelSpec) -> (&'static str, String) {
    ("anthropic-version", model.api_version.as_deref().unwrap_or(API_VERSION).to_owned())
}

fn outgoing(asked: &Asked<'_>, is_streamed: bool) -> Result<Outgoing, Failure> {
    let (mut body, warnings) = request::body(asked)?;
    if let (true, Some(fields)) = (is_streamed, body.as_object_mut()) {
        fields.insert("stream".into(), true.into());
    }
    Ok(Outgoing { path: "messages".into(), headers: vec![version(asked.model)], body: written(&body)?, warnings })
}
