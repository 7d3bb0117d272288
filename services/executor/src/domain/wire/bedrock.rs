//! AWS Bedrock, `Converse` and `ConverseStream`.

mod answer;
mod embeddings;
mod pieces;
mod request;

use super::{Asked, Framing, Outgoing, Pieces, Refusal, Wire, reading, segment, written};
use crate::domain::{answer::Answer, embedding::Vectors, failure::Failure};
use neptune_contracts::{Timestamp, embedding::EmbeddingSpec};
use serde_json::Value;

pub(super) struct Bedrock;

impl Wire for Bedrock {
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure> {
        outgoing(asked, "converse")
    }

    fn streamed_request(&self, asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        Some(outgoing(asked, "converse-stream"))
    }

    fn framing(&self) -> Framing {
        Framing::AwsFrames
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
        let body: Value = serde_json::from_slice(refusal.body).unwrap_or_default();
        let kind = refusal.error_type.unwrap_or_else(|| reading::text(&body, "/__type"));
        // `com.amazon.coral#ThrottlingException:http://…` is a ThrottlingException.
        let kind = kind.split(':').next().unwrap_or(kind);
        let kind = kind.rsplit('#').next().unwrap_or(kind);
        let message = [reading::text(&body, "/message"), reading::text(&body, "/Message")].concat();
        failed(kind, refusal.status, &message, refusal.retry_after_ms)
    }
}

fn outgoing(asked: &Asked<'_>, operation: &str) -> Result<Outgoing, Failure> {
    let (body, warnings) = request::body(asked)?;
    let path = format!("model/{}/{operation}", segment(asked.upstream_model));
    Ok(Outgoing { path, headers: Vec::new(), body: written(&body)?, warnings })
}

/// The failure that an error of AWS's `kind` is.
fn failed(kind: &str, http_status: u16, message: &str, retry_after_ms: Option<u64>) -> Failure {
    // Two of AWS's statuses say something else than the standard's.
    let (status, code) = match kind {
        "ServiceQuotaExceededException" => (http_status, "insufficient_quota"),
        "ModelErrorException" => (500, kind),
        "AccessDeniedException" if message.contains("access to the model") => (404, kind),
        "ValidationException" if message.contains("model identifier is invalid") => (404, kind),
        _ => (http_status, kind),
    };
    let mut failure = reading::refused(status, code, message, retry_after_ms);
    failure.error.http_status = Some(http_status);
    failure
}
