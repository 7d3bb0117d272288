use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, text};

#[tokio::test]
async fn a_completion_has_the_shape_of_openai() {
    let server = Server::start("models: {acme/large: {tokens: {cachedShare: 0.5, reasoning: 7}}}").await;
    let response = server.ask("acme/large", "Summarise: One. Two. Three.").await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    let completion: Value = response.json().await.unwrap();
    assert_eq!((&completion["object"], &completion["model"]), (&json!("chat.completion"), &json!("acme/large")));
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    assert!(text(&completion).starts_with("Summary: One. Two. [ref "), "{completion}");
    let answer_tokens = text(&completion).len().div_ceil(4);
    // 27 characters are 7 tokens, and each message costs 4.
    let expected = json!({"prompt_tokens": 11, "completion_tokens": answer_tokens + 7, "total_tokens": 18 + answer_tokens,
        "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 7}});
    assert_eq!(completion["usage"], expected);
}

#[tokio::test]
async fn equal_requests_get_equal_answers() {
    let server = Server::start("default: {}").await;
    let mut answers = Vec::new();
    for question in ["What is it?", "What is it?", "What is that?"] {
        let completion: Value = server.ask("any", question).await.unwrap().json().await.unwrap();
        answers.push(text(&completion).to_owned());
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn a_schema_is_followed_and_choices_are_counted() {
    let server = Server::start("default: {}").await;
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["category", "urgent"], "properties": {
        "category": {"enum": ["billing", "technical"]}, "urgent": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "ticket", "strict": true, "schema": schema}});
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "A technical problem"}]}]);
    let body = json!({"model": "any", "n": 2, "response_format": format, "messages": messages});
    let completion: Value = server.chat(body).await.unwrap().json().await.unwrap();
    assert_eq!(completion["choices"].as_array().unwrap().len(), 2);
    let answer: Value = serde_json::from_str(text(&completion)).unwrap();
    assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
    assert_eq!(answer["category"], "technical");
}

#[tokio::test]
async fn latency_is_waited_out() {
    let server =
        Server::start("models: {slow: {latency: {fixedMs: 60}, perOutputTokenMs: 1, answer: 'four char'}}").await;
    let started = Instant::now();
    server.ask("slow", "?").await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(63), "{:?}", started.elapsed());
}

#[tokio::test]
async fn wrong_requests_are_refused_as_openai_refuses_them() {
    let server = Server::start_with_key("models: {m: {}}", Some("sk-right")).await;
    let check = async |key: &str, body: Value, status: u16, code: Value| {
        let response = server.post("/v1/chat/completions").bearer_auth(key).json(&body).send().await.unwrap();
        assert_eq!(response.status(), status);
        let error = response.json::<Value>().await.unwrap()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
    };
    let messages = json!([{"role": "user", "content": "?"}]);
    check("sk-wrong", json!({"model": "m", "messages": messages}), 401, json!("invalid_api_key")).await;
    check("sk-right", json!({"model": "x", "messages": messages}), 404, json!("model_not_found")).await;
    check("sk-right", json!({"model": "m", "messages": []}), 400, Value::Null).await;
    check("sk-right", json!({"model": "m", "messages": messages, "n": 0}), 400, Value::Null).await;
    check("sk-right", json!({"messages": messages}), 400, Value::Null).await;
    let refused = server.get("/admin/account").await.1["refused"].clone();
    assert_eq!(refused, json!({"unauthorized": 1, "unknown_model": 1, "invalid": 3}));
    assert_eq!(server.get("/v1/models").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn large_bodies_are_taken_up_to_the_limit() {
    let server = Server::start("default: {}").await;
    let fits = "x".repeat(31 * 1024 * 1024);
    assert_eq!(server.ask("m", &fits).await.unwrap().status(), StatusCode::OK);
    let too_large = "x".repeat(33 * 1024 * 1024);
    // The server may answer and close before it has read everything, which the client may see as either.
    if let Ok(response) = server.ask("m", &too_large).await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(server.account("m").await["calls"], 1);
}

#[tokio::test]
async fn models_are_listed() {
    let server = Server::start("models: {b/two: {}, a: {}}").await;
    let list = server.get("/v1/models").await.1;
    assert_eq!(list["data"][0], json!({"id": "a", "object": "model", "created": 0, "owned_by": "simulator"}));
    assert_eq!(list["data"][1]["id"], "b/two");
}
