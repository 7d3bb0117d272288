//! `POST /v1/messages`, as Anthropic's clients call it.

use crate::support::{SUPPORT, World, api_key, header};
use serde_json::{Value, json};

const PATH: &str = "/v1/messages";

fn body(text: &str) -> Value {
    json!({"model": "auto", "max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": text}]})
}

/// As Anthropic's clients send it: the key is no bearer's.
fn post(world: &World, body: &Value) -> reqwest::RequestBuilder {
    let request = world.ingress.http.post(format!("{}{PATH}", world.ingress.url)).json(body);
    request.header("x-api-key", api_key(SUPPORT)).header("anthropic-version", "2023-06-01")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_a_task_and_its_answer_a_message() {
    let world = World::start().await;
    let answer = post(&world, &body("hi")).header("x-neptune-route", "triage").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let id = header(&answer, "x-neptune-task-id");
    let message: Value = answer.json().await.unwrap();
    assert_eq!((&message["type"], &message["stop_reason"]), (&json!("message"), &json!("end_turn")));
    assert_eq!(message["content"], json!([{"type": "text", "text": "done"}]));
    let (status, fact) =
        crate::support::read(world.ingress.get(&format!("/v1/tasks/{id}")).bearer_auth(api_key(SUPPORT))).await;
    assert_eq!(status, 200);
    let submitted = &fact["output"]["submitted"];
    assert_eq!(submitted["constraints"]["route"], "triage");
    assert_eq!(
        submitted["input"],
        json!({"model": "auto", "max_completion_tokens": 50,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_anthropics_shape() {
    let world = World::start().await;
    let with = |change: fn(&mut Value), text: &str| {
        let mut body = body(text);
        change(&mut body);
        body
    };
    for (body, status, kind, code) in [
        (with(|body| body["top_k"] = json!(3), "hi"), 400, "invalid_request_error", "invalid_request"),
        (body("please no_route:model_not_found"), 404, "not_found_error", "model_not_found"),
        (body("please rejected:model_not_allowed"), 403, "permission_error", "model_not_allowed"),
        (body("please no_route:no_capacity"), 503, "overloaded_error", "no_capacity"),
        (
            with(|body| body["stream"] = json!(true), "please failed:upstream_failed"),
            502,
            "api_error",
            "upstream_failed",
        ),
    ] {
        let answer = post(&world, &body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(
            (&error["type"], &error["error"]["type"], &error["error"]["code"]),
            (&json!("error"), &json!(kind), &json!(code))
        );
    }
    let nobody =
        world.ingress.http.post(format!("{}{PATH}", world.ingress.url)).header("x-api-key", "sk-1").json(&body("hi"));
    let answer = nobody.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["type"], "authentication_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_of_anthropics_events() {
    let world = World::start().await;
    let mut body = body("hi");
    body["stream"] = json!(true);
    let answer = post(&world, &body).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type").as_str()), (200, "text/event-stream"));
    let text = answer.text().await.unwrap();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ],
        "{text}"
    );
    assert!(text.contains("\"done\"") && !text.contains("[DONE]"), "{text}");
}
