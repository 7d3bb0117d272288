//! `POST /v1/chat/completions` and `GET /v1/models`.

use crate::support::{PATIENCE, SALES, SUPPORT, World, api_key, chat, header, read};
use futures::StreamExt as _;
use neptune_contracts::{Message as _, task::TaskSubmitted};
use neptune_testkit::wait_until;
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn the_models_object_is_passed_on_and_explained_in_headers() {
    let world = World::start().await;
    let body = json!({"model": "auto:cheap", "messages": [{"role": "user", "content": "hi"}], "seed": 7});
    let request = world.post(PATH, SUPPORT, &body).header("x-request-id", "mine-1").header("x-neptune-lane", "batch");
    let answer = request.header("x-neptune-max-cost-usd", "0.25").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-request-id"), "mine-1");
    assert_eq!(header(&answer, "content-type"), "application/json");
    for (name, wanted) in [("cost-usd", "0"), ("attempts", "0"), ("fallbacks", "0")] {
        assert_eq!(header(&answer, &format!("x-neptune-{name}")), wanted, "{name}");
    }
    let (id, overhead) = (header(&answer, "x-neptune-task-id"), header(&answer, "x-neptune-overhead-ms"));
    assert!(overhead.parse::<f64>().is_ok(), "{overhead}");
    let output: Value = answer.json().await.unwrap();
    assert_eq!(output["choices"][0]["message"]["content"], "done");
    let submitted = &output["submitted"];
    assert_eq!(submitted["id"], id.as_str());
    assert_eq!((&submitted["origin"], &submitted["key"]), (&json!("api"), &json!(SUPPORT)));
    assert_eq!(submitted["input"], body);
    assert_eq!(submitted["constraints"], json!({"max_cost_usd": "0.25", "lane": "batch"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_goes_on_over_the_bus() {
    let world = World::start().await;
    let subject = world.namespace.subject(TaskSubmitted::SUBJECT, &["support", "api"]);
    let client = world.nats.client().await;
    let mut submits = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = world.post(PATH, SUPPORT, &chat("hi")).header("traceparent", trace).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let submitted = tokio::time::timeout(PATIENCE, submits.next()).await.unwrap().unwrap();
    let found = submitted.headers.unwrap().get("traceparent").unwrap().to_string();
    assert!(found.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_end_without_an_answer_has_its_status() {
    let world = World::start().await;
    for (order, status, code, should_retry, retry_after) in [
        ("rejected:invalid_request", 400, "invalid_request", "false", ""),
        ("no_route:model_not_found", 404, "model_not_found", "false", ""),
        ("rejected:model_not_allowed", 403, "model_not_allowed", "false", ""),
        ("rejected:budget_exceeded", 429, "budget_exceeded", "false", ""),
        ("no_route:no_capacity", 503, "no_capacity", "true", "1"),
        ("no_route:no_route", 503, "no_route", "false", ""),
        ("failed:upstream_failed", 502, "upstream_failed", "", ""),
        ("expired:deadline_exceeded", 504, "deadline_exceeded", "false", ""),
    ] {
        let answer = world.post(PATH, SUPPORT, &chat(order)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{order}");
        assert_eq!(header(&answer, "x-should-retry"), should_retry, "{order}");
        assert_eq!(header(&answer, "retry-after"), retry_after, "{order}");
        assert_eq!(header(&answer, "retry-after-ms").is_empty(), retry_after.is_empty(), "{order}");
        assert_eq!(header(&answer, "x-neptune-task-id").len(), 36, "{order}");
        let error = answer.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(format!("because {code}"))), "{order}");
        assert!(error["type"].is_string() && error["param"].is_null(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_a_504_and_the_task_goes_on() {
    let world = World::start_with(&[("NEPTUNE_INGRESS_WAIT_SECONDS", "1")]).await;
    let answer = world.post(PATH, SUPPORT, &chat("hold")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "x-should-retry")), (504, "false".into()));
    let id = header(&answer, "x-neptune-task-id");
    world.rest.let_go.add_permits(1);
    let path = format!("/v1/tasks/{id}");
    let key = api_key(SUPPORT);
    let finished = || async { world.ingress.get(&path).bearer_auth(&key).send().await.unwrap().status() == 200 };
    wait_until("the task ends", PATIENCE, finished).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_for_a_message_goes_by_reference() {
    let world = World::start().await;
    let long = "x".repeat(3 * 1024 * 1024);
    let (status, output) = read(world.post(PATH, SUPPORT, &chat(&long))).await;
    assert_eq!(status, 200);
    assert_eq!(output["submitted"]["input"]["messages"][0]["content"], long);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_those_the_team_may_use() {
    let world = World::start().await;
    for (key, wanted) in [
        (SUPPORT, vec!["auto", "auto:cheap", "auto:fast", "auto:best", "triage", "openai/gpt-4.1"]),
        (SALES, vec!["auto", "auto:cheap", "auto:fast", "auto:best", "triage"]),
    ] {
        let (status, list) = read(world.ingress.get("/v1/models").bearer_auth(api_key(key))).await;
        assert_eq!((status, &list["object"]), (200, &json!("list")));
        let entries = list["data"].as_array().unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        assert_eq!(names, wanted, "{key}");
        assert!(entries.iter().all(|entry| entry["object"] == "model" && entry["owned_by"].is_string()), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_is_read_by_its_name_with_slashes() {
    let world = World::start().await;
    let (_, list) = read(world.ingress.get("/v1/models").bearer_auth(api_key(SUPPORT))).await;
    for path in ["/v1/models/openai/gpt-4.1", "/v1/models/openai%2Fgpt-4.1"] {
        let (status, model) = read(world.ingress.get(path).bearer_auth(api_key(SUPPORT))).await;
        assert_eq!(status, 200, "{path}: {model}");
        assert_eq!((&model["id"], &model["owned_by"]), (&json!("openai/gpt-4.1"), &json!("openai")), "{path}");
        assert!(list["data"].as_array().unwrap().contains(&model), "{model} of {list}");
    }
    let (status, route) = read(world.ingress.get("/v1/models/auto:cheap").bearer_auth(api_key(SALES))).await;
    assert_eq!((status, &route["id"]), (200, &json!("auto:cheap")));
    for (key, name) in [(SALES, "openai/gpt-4.1"), (SUPPORT, "meta/llama"), (SUPPORT, "gone")] {
        let (status, answer) = read(world.ingress.get(&format!("/v1/models/{name}")).bearer_auth(api_key(key))).await;
        let error = &answer["error"];
        assert_eq!((status, &error["code"]), (404, &json!("model_not_found")), "{answer}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().unwrap().contains(name), "{answer}");
    }
}
