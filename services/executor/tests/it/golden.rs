//! Wire formats against hand-written pairs of requests, answers and errors, in both directions.

use neptune_contracts::{Timestamp, attempt::Usage, chat::ChatRequest, resource::ModelSpec};
use neptune_executor::domain::{
    prompt::Prompt,
    wire::{self, Asked, Refusal},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PROVIDERS: [&str; 6] = ["openai", "openai_responses", "azure", "anthropic", "gemini", "bedrock"];

/// The request that every provider is asked.
pub(crate) fn request(provider: &str) -> ChatRequest {
    let mut input: ChatRequest = serde_json::from_value(golden("request.json")).unwrap();
    if provider == "openai_responses" {
        // It has no word for it, so that such a request is left to another model.
        input.other.remove("stop").unwrap();
    }
    input
}

pub(crate) fn golden(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn model(provider: &str) -> ModelSpec {
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    serde_json::from_value(json!({"provider": provider, "endpoint": "http://127.0.0.1/v1", "price": price})).unwrap()
}

#[test]
fn a_request_is_said_in_each_providers_words() {
    for provider in PROVIDERS {
        let wanted = golden(&format!("{provider}/sent.json"));
        let model = model(provider);
        let input = request(provider);
        let prompt = Prompt::write(&input).unwrap();
        let asked = Asked { upstream_model: "upstream-name", model: &model, input: &input, prompt: &prompt };
        let sent = wire::of(model.provider).request(&asked).unwrap();
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(body, wanted["body"], "{provider}: {body:#}");
        assert_eq!(json!(sent.path), wanted["path"]);
        assert_eq!(json!(BTreeMap::from_iter(sent.headers)), wanted["headers"], "{provider}");
        let fields: Vec<&str> = sent.warnings.iter().map(|warning| warning.field.as_str()).collect();
        assert_eq!(json!(fields), wanted["warnings"], "{provider}");
    }
}

#[test]
fn each_providers_answer_is_said_in_openais_words() {
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap();
    for provider in PROVIDERS {
        let pair = golden(&format!("{provider}/answer.json"));
        let answered = serde_json::to_vec(&pair["answered"]).unwrap();
        let answer = wire::of(model(provider).provider).answer(&answered, "acme/m", now).unwrap();
        assert_eq!(answer.output, pair["answer"], "{provider}: {:#}", answer.output);
        let usage: Usage = serde_json::from_value(pair["usage"].clone()).unwrap();
        assert_eq!(answer.usage, Some(usage), "{provider}");
    }
}

#[test]
fn each_providers_errors_have_their_class() {
    for provider in PROVIDERS {
        for error in golden(&format!("{provider}/errors.json")).as_array().unwrap() {
            let body = serde_json::to_vec(&error["body"]).unwrap();
            let status = u16::try_from(error["status"].as_u64().unwrap()).unwrap();
            let retry_after_ms = error["retryAfterMs"].as_u64();
            let refusal = Refusal { status, error_type: error["errorType"].as_str(), body: &body, retry_after_ms };
            let failure = wire::of(model(provider).provider).refused(&refusal);
            assert_eq!(json!(failure.error.class), error["class"], "{provider} {error}");
            let wanted_ms = error["wantRetryAfterMs"].as_u64().or(retry_after_ms);
            assert_eq!((failure.error.http_status, failure.error.retry_after_ms), (Some(status), wanted_ms), "{error}");
            // The provider's own words repeat pieces of the task and of credentials.
            let words = error.pointer("/body/error/message").or(error.pointer("/body/message")).and_then(Value::as_str);
            assert!(words.is_none_or(|words| !failure.error.message.contains(words)), "{provider} {error}");
        }
    }
}
