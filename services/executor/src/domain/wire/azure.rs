//! Azure OpenAI: OpenAI's bodies under the name of a deployment.

use super::{Asked, Outgoing, Wire, openai, segment};
use crate::domain::{
    answer::{self, Answer},
    embedding::Vectors,
    failure::Failure,
};
use neptune_contracts::{Timestamp, embedding::EmbeddingSpec};

/// The last version that is not a preview and needs no change of paths.
const API_VERSION: &str = "2024-10-21";

pub(super) struct Azure;

impl Wire for Azure {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        Ok(openai::outgoing(path(asked, "chat/completions"), openai::body(asked)?))
    }

    fn streamed_request(&self, asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        Some(openai::streamed_body(asked).map(|body| openai::outgoing(path(asked, "chat/completions"), body)))
    }

    fn answer(&self, body: &[u8], name: &str, _now: Timestamp) -> Result<Answer, Failure> {
        answer::read(body, name)
    }

    fn embeddings_request(&self, asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
        Ok(openai::outgoing(path(asked, "embeddings"), openai::embeddings_body(asked, spec)?))
    }

    fn vectors(&self, body: &[u8]) -> Result<Vectors, Failure> {
        openai::vectors(body)
    }
}

fn path(asked: &Asked<'_>, method: &str) -> String {
    let version = asked.model.api_version.as_deref().unwrap_or(API_VERSION);
    // The first of the newer versions names the deployment in the body.
    if version == "v1" {
        return format!("openai/v1/{method}");
    }
    let deployment = segment(asked.upstream_model);
    format!("openai/deployments/{deployment}/{method}?api-version={}", segment(version))
}
