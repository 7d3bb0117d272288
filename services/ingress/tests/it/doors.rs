//! `POST /v1/embeddings` and `POST /v1/responses`, as OpenAI's clients call them.

use crate::support::{SUPPORT, World, api_key, header, read};
use serde_json::{Value, json};

/// The task that a request became, as the rest of the system saw it.
async fn submitted(world: &World, path: &str, body: &Value) -> Value {
    let answer = world.post(path, SUPPORT, body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let id = header(&answer, "x-neptune-task-id");
    let (_, fact) = read(world.ingress.get(&format!("/v1/tasks/{id}")).bearer_auth(api_key(SUPPORT))).await;
    fact["output"]["submitted"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_vectors_becomes_a_task() {
    let world = World::start().await;
    let body = json!({"model": "openai/gpt-4.1", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"});
    let submitted = submitted(&world, "/v1/embeddings", &body).await;
    assert_eq!(
        submitted["input"],
        json!({"model": "openai/gpt-4.1", "embedding": {"dimensions": 8, "encoding_format": "base64"},
            "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]})
    );
    for (body, param) in [
        (json!({"model": "m", "input": [[1, 2]]}), "input"),
        (json!({"model": "auto", "input": "a"}), "model"),
        (json!({"input": "a"}), "model"),
        (json!({"model": "m", "input": ["a", ""]}), "input[1]"),
        (json!({"model": "m", "input": "a", "dimensions": 99999}), "dimensions"),
    ] {
        let (status, error) = read(world.post("/v1/embeddings", SUPPORT, &body)).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{error}");
    }
    assert_eq!(world.rest.seen(), 1, "what is refused is no task");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_the_answer_of_a_task() {
    let world = World::start().await;
    let body = json!({"model": "auto", "instructions": "Be brief.", "input": "hi", "metadata": {"ticket": "7"}});
    let submitted = submitted(&world, "/v1/responses", &body).await;
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]);
    assert_eq!(
        (&submitted["input"], &submitted["metadata"]),
        (&json!({"model": "auto", "messages": messages}), &json!({"ticket": "7"}))
    );
    let (status, response) = read(world.post("/v1/responses", SUPPORT, &body)).await;
    assert_eq!((status, &response["object"], &response["status"]), (200, &json!("response"), &json!("completed")));
    assert_eq!(response["output"][0]["content"][0]["text"], "done");
    assert_eq!((&response["instructions"], &response["metadata"]), (&json!("Be brief."), &json!({"ticket": "7"})));
    for (body, status, param, code) in [
        (json!({"input": "hi", "store": true}), 400, json!("store"), "invalid_request"),
        (json!({"input": "hi", "max_output_tokens": 0}), 400, json!("max_output_tokens"), "invalid_request"),
        (json!({"input": [], "model": "auto"}), 400, json!("input"), "invalid_request"),
        (json!({"input": "please no_route:no_capacity"}), 503, Value::Null, "no_capacity"),
        (json!({"input": "please failed:upstream_failed", "stream": true}), 502, Value::Null, "upstream_failed"),
    ] {
        let (found, error) = read(world.post("/v1/responses", SUPPORT, &body)).await;
        assert_eq!(
            (found, &error["error"]["param"], &error["error"]["code"]),
            (status, &param, &json!(code)),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_of_typed_events() {
    let world = World::start().await;
    let answer = world.post("/v1/responses", SUPPORT, &json!({"input": "hi", "stream": true})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type").as_str()), (200, "text/event-stream"));
    let text = answer.text().await.unwrap();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: response.")).collect();
    let wanted = "created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed";
    assert_eq!(kinds.join(" "), wanted, "{text}");
    assert!(text.contains("\"done\"") && !text.contains("[DONE]"), "{text}");
}
