//! Calling a model, whoever provides it.

mod endpoint;
mod openai;

use crate::{
    config::Environment,
    domain::{
        answer::Answer,
        failure::{Billed, Failure},
    },
};
use bytes::Bytes;
use neptune_contracts::{
    attempt::ErrorClass,
    ids::AttemptId,
    resource::{ModelSpec, Provider as Kind},
};
use std::time::Duration;

/// The largest answer that is read.
pub const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Calls models over one HTTP client.
pub struct Provider {
    http: reqwest::Client,
    environment: Environment,
}

/// One call.
pub struct Call<'c> {
    /// The model resource's name.
    pub name: &'c str,
    /// The model resource.
    pub model: &'c ModelSpec,
    /// What to ask, as JSON under the name the provider knows the model by.
    pub request: Vec<u8>,
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

    /// The model's answer. Sending and reading together are bounded by the call's timeout, and the
    /// answer by [`ANSWER_LIMIT_BYTES`].
    ///
    /// # Errors
    /// The kind of failure, without the task's words or the provider's.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let timeout = call.timeout;
        let exchange = async {
            match call.model.provider {
                Kind::Openai => openai::complete(self, call).await,
            }
        };
        let timed_out = |_| {
            Failure::new(ErrorClass::Timeout, format!("no answer within {} ms", timeout.as_millis()))
                .billed(Billed::Perhaps)
        };
        tokio::time::timeout(timeout, exchange).await.map_err(timed_out)?
    }
}

/// The name the provider knows a model by.
#[must_use]
pub fn upstream_name<'m>(name: &'m str, model: &'m ModelSpec) -> &'m str {
    let own_name = name.split_once('/').map_or(name, |(_, name)| name);
    model.upstream_model.as_deref().unwrap_or(own_name)
}

fn connection_failure(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure::new(ErrorClass::Network, "the request cannot be made");
    }
    if error.is_connect() {
        return Failure::new(ErrorClass::Network, "cannot connect");
    }
    Failure::new(ErrorClass::Network, "the connection broke").billed(Billed::Perhaps)
}

/// Reads a body up to the limit.
async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(ErrorClass::Malformed, format!("the answer is larger than {ANSWER_LIMIT_BYTES} bytes"))
            .billed(Billed::Perhaps)
    };
    if response.content_length().is_some_and(|length| length > ANSWER_LIMIT_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| connection_failure(&error))? {
        if body.is_empty() && response.content_length() == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
