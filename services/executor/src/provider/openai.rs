//! OpenAI Chat Completions, and every server that speaks it.

use super::{Call, Provider, connection_failure, endpoint, failure, read_body};
use crate::domain::classify::{Refusal, classify};
use neptune_contracts::{
    attempt::{AttemptError, ErrorClass},
    chat::{ChatMessage, ChatRequest},
};
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

/// The request under the name the provider knows the model by, without streaming.
struct Upstream<'c> {
    model: &'c str,
    request: &'c ChatRequest,
}

impl Serialize for Upstream<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.request;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.model)?;
        map.serialize_entry::<_, [ChatMessage]>("messages", &request.messages)?;
        let entries = [
            ("tools", request.tools.as_ref().map(serde_json::to_value)),
            ("response_format", request.response_format.as_ref().map(serde_json::to_value)),
            ("max_tokens", request.max_tokens.as_ref().map(serde_json::to_value)),
            ("max_completion_tokens", request.max_completion_tokens.as_ref().map(serde_json::to_value)),
            ("n", request.n.as_ref().map(serde_json::to_value)),
            ("temperature", request.temperature.as_ref().map(serde_json::to_value)),
            ("top_p", request.top_p.as_ref().map(serde_json::to_value)),
        ];
        for (name, value) in entries.into_iter().filter_map(|(name, value)| Some((name, value?.ok()?))) {
            map.serialize_entry(name, &value)?;
        }
        for (name, value) in request.other.iter().filter(|(name, _)| name.as_str() != "stream_options") {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

pub(super) async fn complete(provider: &Provider, call: Call<'_>) -> Result<Value, AttemptError> {
    let url = endpoint::url(call.model, "chat/completions", &provider.environment)?;
    let own_name = call.name.split_once('/').map_or(call.name, |(_, name)| name);
    let upstream = Upstream { model: call.model.upstream_model.as_deref().unwrap_or(own_name), request: call.request };
    let body = serde_json::to_vec(&upstream).map_err(|_| failure(ErrorClass::BadRequest, "the request cannot be written as JSON"))?;
    let mut request = provider.http.post(url).header(CONTENT_TYPE, "application/json").header("idempotency-key", call.attempt.to_string()).body(body);
    if let Some(credential) = endpoint::credential(call.model, &provider.environment)? {
        request = request.bearer_auth(credential);
    }
    let mut response = request.send().await.map_err(|error| connection_failure(&error))?;
    if !response.status().is_success() {
        return Err(refused(&mut response).await);
    }
    let body = read_body(&mut response).await?;
    let mut answer: Value = serde_json::from_slice(&body).map_err(|_| failure(ErrorClass::Malformed, "the answer is not JSON"))?;
    check(&answer)?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("model".into(), call.name.into());
    }
    Ok(answer)
}

async fn refused(response: &mut Response) -> AttemptError {
    let status = response.status().as_u16();
    let headers: HeaderMap = response.headers().clone();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let body: Option<Value> = read_body(response).await.ok().and_then(|body| serde_json::from_slice(&body).ok());
    classify(Refusal { status, retry_after_ms: header("retry-after-ms"), retry_after: header("retry-after"), body: body.as_ref() })
}

/// An answer must hold a choice; some servers report failures inside a success.
fn check(answer: &Value) -> Result<(), AttemptError> {
    if answer.get("error").is_some_and(|error| !error.is_null()) {
        return Err(AttemptError { http_status: None, ..classify(Refusal { status: 500, retry_after_ms: None, retry_after: None, body: Some(answer) }) });
    }
    let choice = answer.pointer("/choices/0").ok_or_else(|| failure(ErrorClass::Malformed, "the answer holds no choice"))?;
    if choice.get("finish_reason").and_then(Value::as_str) == Some("content_filter") {
        return Err(failure(ErrorClass::Refusal, "the model declined the content"));
    }
    if choice.get("message").is_none_or(|message| !message.is_object()) {
        return Err(failure(ErrorClass::Malformed, "the answer's choice holds no message"));
    }
    Ok(())
}
