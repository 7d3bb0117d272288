//! OpenAI Chat Completions, and every server that speaks it.

use super::{Call, Provider, connection_failure, endpoint, read_body};
use crate::domain::{
    answer::{self, Answer},
    classify,
    failure::Failure,
    rate_headers, retry_after,
};
use neptune_contracts::{Timestamp, limits::RateLimits};
use reqwest::{Response, header::CONTENT_TYPE};
use std::time::Duration;

/// Not among the HTTP standard's headers, though the official clients send it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The body of a refusal is waited for no longer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn complete(provider: &Provider, call: Call<'_>) -> Result<Answer, Failure> {
    let url = endpoint::url(call.model, "chat/completions", &provider.environment)?;
    let mut request = provider
        .http
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(IDEMPOTENCY_KEY, call.attempt.to_string())
        .body(call.request);
    if let Some(credential) = endpoint::credential(call.model, &provider.environment)? {
        request = request.bearer_auth(credential);
    }
    let mut response = request.send().await.map_err(|error| connection_failure(&error))?;
    let limits = limits(&response);
    let result = if response.status().is_success() {
        read_body(&mut response).await.and_then(|body| answer::read(&body, call.name))
    } else {
        Err(refused(&mut response).await)
    };
    rate_headers::attach(result, limits)
}

/// What the headers of a response say about rate limits.
fn limits(response: &Response) -> Option<Box<RateLimits>> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    rate_headers::read(header, Timestamp::now())
}

async fn refused(response: &mut Response) -> Failure {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let wait_ms = retry_after::wait_ms(header("retry-after-ms"), header("retry-after"), Timestamp::now());
    let status = response.status().as_u16();
    // A status says enough when its body is lost or late.
    let body = tokio::time::timeout(REFUSAL_TIMEOUT, read_body(response)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    classify::refused(status, &body, wait_ms)
}
