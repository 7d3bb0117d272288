//! What the provider adapter makes of servers that misbehave.

use crate::upstream::{Reply, Upstream, answer};
use neptune_contracts::{
    attempt::{ErrorClass, Usage},
    chat::ChatRequest,
    ids::AttemptId,
    resource::ModelSpec,
};
use neptune_executor::{
    config::Environment,
    domain::{
        answer::Answer,
        bindings::Bindings,
        failure::{Billed, Failure},
        prompt::Prompt,
    },
    http::Clients,
    provider::{Call, Provider},
};
use serde_json::json;
use std::{collections::HashMap, sync::Arc, time::Duration};

fn environment() -> Environment {
    Arc::new(HashMap::from(
        ["MODEL_KEY", "OPENAI_API_KEY", "ACME_TOKEN"].map(|name| (name.to_owned(), "sk-test".to_owned())),
    ))
}

fn model(endpoint: &str) -> ModelSpec {
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    serde_json::from_value(
        json!({"provider": "openai", "endpoint": endpoint, "credentialEnv": "MODEL_KEY", "price": price, "allowPrivate": true}),
    )
    .unwrap()
}

fn bindings() -> Bindings {
    "MODEL_KEY=127.0.0.1,NO_KEY=127.0.0.1".parse().unwrap()
}

async fn call(model: &ModelSpec, timeout: Duration) -> Result<Answer, Failure> {
    let provider = Provider::new(Clients::new().unwrap(), environment(), bindings());
    let input = ChatRequest::user("hello");
    let prompt = Prompt::write(&input).unwrap();
    let attempt = AttemptId::mint();
    provider.call(Call { name: "acme/m", model, input: &input, prompt: &prompt, attempt, timeout }).await
}

async fn failure_of(reply: Reply, timeout_ms: u64) -> Failure {
    let upstream = Upstream::that(reply).await;
    let failure = call(&model(&upstream.endpoint()), Duration::from_millis(timeout_ms)).await.unwrap_err();
    assert_eq!(upstream.calls(), 1);
    failure
}

/// Longer than any of these calls takes.
const LONG: u64 = 30_000;

#[tokio::test]
async fn an_answer_comes_with_its_usage_and_the_credential_went_along() {
    let upstream = Upstream::answering("hi").await;
    let answer = call(&model(&upstream.endpoint()), Duration::from_millis(LONG)).await.unwrap();
    assert_eq!(answer.usage, Some(Usage { input_uncached: 800, cache_read: 200, output: 100, ..Usage::default() }));
    assert_eq!(answer.output["model"], "acme/m");
    assert_eq!(answer.output["choices"][0]["message"]["content"], "hi");
    let asked = &upstream.asked()[0];
    assert_eq!(
        (asked.path.as_str(), asked.headers["authorization"].as_str()),
        ("/v1/chat/completions", "Bearer sk-test")
    );
    assert!(!asked.headers.contains_key("referer"));
}

#[tokio::test]
async fn each_way_to_misbehave_has_its_class_and_its_bill() {
    let malformed = Reply::With(200, "", "{\"choices\": [".into());
    let no_choice = Reply::With(200, "", "{\"choices\": []}".into());
    let redirect = Reply::With(302, "location: http://127.0.0.1:1/\r\n", String::new());
    let overload = Reply::With(503, "retry-after: 2\r\n", "<html>".into());
    for (what, reply, timeout_ms, class, billed) in [
        ("cut", Reply::Cut, LONG, ErrorClass::Network, Billed::Perhaps),
        ("reset", Reply::Reset, LONG, ErrorClass::Network, Billed::Perhaps),
        ("stalled", Reply::Stalled, 200, ErrorClass::Timeout, Billed::Perhaps),
        ("endless", Reply::Endless, LONG, ErrorClass::Malformed, Billed::Perhaps),
        ("malformed", malformed, LONG, ErrorClass::Malformed, Billed::Perhaps),
        ("no choice", no_choice, LONG, ErrorClass::Malformed, Billed::Perhaps),
        ("redirect", redirect, LONG, ErrorClass::Malformed, Billed::No),
        ("overload", overload, LONG, ErrorClass::Overload, Billed::No),
    ] {
        let failure = failure_of(reply, timeout_ms).await;
        assert_eq!((failure.error.class, failure.billed), (class, billed), "{what}: {failure:?}");
        assert!(!format!("{failure:?}").contains("sk-test"));
    }
}

#[tokio::test]
async fn a_throttled_call_says_when_to_come_back() {
    let body = json!({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}).to_string();
    let failure = failure_of(Reply::With(429, "retry-after-ms: 250\r\nretry-after: 9\r\n", body), LONG).await;
    assert_eq!(
        (failure.error.class, failure.error.http_status, failure.error.retry_after_ms),
        (ErrorClass::RateLimit, Some(429), Some(250))
    );
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_not_billed() {
    let free_port = neptune_testkit::process::free_port();
    for (endpoint, class) in [
        (format!("http://127.0.0.1:{free_port}"), ErrorClass::Network),
        ("not a url".to_owned(), ErrorClass::Network),
        ("ftp://127.0.0.1".to_owned(), ErrorClass::Network),
        ("${NOT_SET}/v1".to_owned(), ErrorClass::Network),
    ] {
        let failure = call(&model(&endpoint), Duration::from_millis(LONG)).await.unwrap_err();
        assert_eq!((failure.error.class, failure.billed), (class, Billed::No), "{endpoint}");
    }
    let upstream = Upstream::answering("hi").await;
    let model = ModelSpec { credential_env: Some("NO_KEY".into()), ..model(&upstream.endpoint()) };
    let failure = call(&model, Duration::from_millis(LONG)).await.unwrap_err();
    assert_eq!((failure.error.class, upstream.calls()), (ErrorClass::Auth, 0));
    assert!(failure.error.message.contains("NO_KEY"));
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let upstream = Upstream::that(Reply::With(200, "", answer("hi"))).await;
    let provider = Provider::new(Clients::new().unwrap(), environment(), bindings());
    let model = model(&upstream.endpoint());
    let input = ChatRequest::user("hello");
    let prompt = Prompt::write(&input).unwrap();
    let mut ports = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let call = Call {
            name: "m",
            model: &model,
            input: &input,
            prompt: &prompt,
            attempt: AttemptId::mint(),
            timeout: Duration::from_millis(LONG),
        };
        provider.call(call).await.unwrap();
        ports.extend(upstream.asked().last().unwrap().headers.get("x-peer").cloned());
    }
    assert_eq!(upstream.calls(), 5);
    assert_eq!(ports.len(), 1, "{ports:?}");
}

#[tokio::test]
async fn what_is_left_of_the_limits_is_read_from_answers_and_refusals() {
    let headers =
        "x-ratelimit-remaining-requests: 3\r\nx-ratelimit-limit-requests: 5\r\nx-ratelimit-reset-requests: 1m30s\r\n";
    let upstream = Upstream::that(Reply::With(200, headers, answer("hi"))).await;
    let limits = call(&model(&upstream.endpoint()), Duration::from_millis(LONG)).await.unwrap().limits.unwrap();
    let requests = limits.requests.unwrap();
    assert_eq!((requests.limit, requests.remaining, limits.tokens), (Some(5), 3, None));
    let refusal = "anthropic-ratelimit-tokens-remaining: 0\r\n";
    let failure = failure_of(Reply::With(429, refusal, "{}".into()), LONG).await;
    assert_eq!(failure.limits.unwrap().tokens.unwrap().remaining, 0);
    assert_eq!(failure_of(Reply::With(500, "", "{}".into()), LONG).await.limits, None);
}

#[tokio::test]
async fn a_credential_and_a_call_go_only_where_they_may() {
    let upstream = Upstream::answering("hi").await;
    let local = upstream.endpoint();
    let usual = model(&local);
    for (what, model, class, part) in [
        (
            "a credential of another host",
            ModelSpec { credential_env: Some("OPENAI_API_KEY".into()), ..usual.clone() },
            ErrorClass::Auth,
            "bound to api.openai.com",
        ),
        (
            "a credential of no host",
            ModelSpec { credential_env: Some("PATH".into()), ..usual.clone() },
            ErrorClass::Auth,
            "bound to no host",
        ),
        (
            "a credential in a header",
            ModelSpec {
                headers: [("x-key".to_owned(), "${OPENAI_API_KEY}".to_owned())].into(),
                credential_env: None,
                ..usual.clone()
            },
            ErrorClass::Auth,
            "bound to api.openai.com",
        ),
        (
            "a credential in an endpoint",
            ModelSpec { endpoint: format!("{local}/${{ACME_TOKEN}}"), credential_env: None, ..usual.clone() },
            ErrorClass::Auth,
            "bound to no host",
        ),
        (
            "a private address",
            ModelSpec { allow_private: false, credential_env: None, ..usual.clone() },
            ErrorClass::Network,
            "allowPrivate",
        ),
        (
            "a name of a private address",
            ModelSpec {
                allow_private: false,
                credential_env: None,
                endpoint: local.replace("http://127.0.0.1", "https://localhost"),
                ..usual.clone()
            },
            ErrorClass::Network,
            "allowPrivate",
        ),
        (
            "the public internet in the clear",
            ModelSpec {
                allow_private: false,
                credential_env: None,
                endpoint: "http://8.8.8.8/v1".into(),
                ..usual.clone()
            },
            ErrorClass::Network,
            "https",
        ),
        (
            "where clouds hand out credentials",
            ModelSpec { credential_env: None, endpoint: "http://169.254.169.254/v1".into(), ..usual.clone() },
            ErrorClass::Network,
            "no model",
        ),
    ] {
        let failure = call(&model, Duration::from_millis(LONG)).await.unwrap_err();
        assert_eq!((failure.error.class, failure.billed), (class, Billed::No), "{what}: {failure:?}");
        assert!(failure.error.message.contains(part), "{what}: {}", failure.error.message);
    }
    assert_eq!(upstream.calls(), 0);
}
