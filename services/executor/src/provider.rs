//! Calling a model, whoever provides it.

mod endpoint;
mod openai;

use crate::config::Environment;
use bytes::Bytes;
use neptune_contracts::{
    attempt::{AttemptError, ErrorClass},
    chat::ChatRequest,
    ids::AttemptId,
    resource::{ModelSpec, Provider as Kind},
};
use serde_json::Value;
use std::time::Duration;

/// The largest answer that is read.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// Calls models over one HTTP client.
pub struct Provider {
    http: reqwest::Client,
    environment: Environment,
}

/// One call.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// The model resource's name.
    pub name: &'c str,
    /// The model resource.
    pub model: &'c ModelSpec,
    /// What to ask.
    pub request: &'c ChatRequest,
    /// The attempt, sent as idempotency key.
    pub attempt: AttemptId,
    /// The whole exchange takes no longer.
    pub timeout: Duration,
}

impl Provider {
    /// Calls over `http`, with endpoints and credentials filled in from `environment`.
    #[must_use]
    pub fn new(http: reqwest::Client, environment: Environment) -> Self {
        Self { http, environment }
    }

    /// The model's answer as an OpenAI chat completion. Sending and reading together are bounded
    /// by the call's timeout, and the answer by a size.
    ///
    /// # Errors
    /// The kind of failure, with the provider's words and without the task's.
    pub async fn call(&self, call: Call<'_>) -> Result<Value, AttemptError> {
        let exchange = async {
            match call.model.provider {
                Kind::Openai => openai::complete(self, call).await,
            }
        };
        let millis = call.timeout.as_millis();
        let timed_out = |_| failure(ErrorClass::Timeout, format!("no answer within {millis} ms"));
        tokio::time::timeout(call.timeout, exchange).await.map_err(timed_out)?
    }
}

fn failure(class: ErrorClass, message: impl Into<String>) -> AttemptError {
    AttemptError { class, message: message.into(), http_status: None, retry_after_ms: None }
}

fn connection_failure(error: &reqwest::Error) -> AttemptError {
    let class = if error.is_timeout() { ErrorClass::Timeout } else { ErrorClass::Network };
    let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
    failure(class, what)
}

/// Reads a body up to the limit.
async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, AttemptError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| connection_failure(&error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(failure(ErrorClass::Malformed, format!("the answer is larger than {ANSWER_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
