//! Requests that never become a task.

use crate::support::{ADMIN, DISABLED, EXPIRED, SUPPORT, World, api_key, chat, header, task};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const COMPLETIONS: &str = "/v1/chat/completions";

/// Sends and expects an error of `status`, which holds every one of `says` somewhere.
async fn check(request: RequestBuilder, status: u16, says: &[&str]) -> Value {
    let answer = request.send().await.unwrap();
    let found = answer.status().as_u16();
    let (kind, id, should_retry) =
        (header(&answer, "content-type"), header(&answer, "x-request-id"), header(&answer, "x-should-retry"));
    let text = answer.text().await.unwrap();
    assert_eq!((found, should_retry.as_str()), (status, "false"), "{text}");
    assert!(!id.is_empty(), "every answer has an id");
    assert!(says.iter().all(|words| text.contains(words)), "{says:?} in {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    match kind.as_str() {
        "application/problem+json" => assert_eq!(body["status"], status, "{text}"),
        "application/json" => {
            assert!(body["error"]["message"].is_string() && body["error"]["code"].is_string(), "{text}")
        }
        other => panic!("{other}: {text}"),
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_key_that_holds() {
    let world = World::start().await;
    let post = |path: &str| world.ingress.http.post(format!("{}{path}", world.ingress.url)).json(&chat("hi"));
    let with = |key: &str| post(COMPLETIONS).bearer_auth(api_key(key));
    let body = check(post(COMPLETIONS), 401, &["no API key given"]).await;
    assert_eq!(body["error"]["code"], "invalid_api_key");
    check(post(COMPLETIONS).bearer_auth("sk-1234"), 401, &["not valid"]).await;
    check(post(COMPLETIONS).bearer_auth(api_key(SUPPORT).replace("npt_test", "npt_live")), 401, &["not valid"]).await;
    check(with("unknown00001"), 401, &["not valid"]).await;
    check(with(DISABLED), 401, &["disabled"]).await;
    check(with(EXPIRED), 401, &["expired"]).await;
    check(with(ADMIN), 403, &["admin key"]).await;
    check(world.ingress.get("/v1/models"), 401, &["\"error\""]).await;
    let problem = check(post("/v1/tasks"), 401, &["no API key given"]).await;
    assert_eq!((&problem["title"], &problem["type"]), (&json!("Unauthorized"), &json!("about:blank")));
    check(world.post("/v1/tasks", ADMIN, &task("hi")), 403, &["key_not_allowed"]).await;
    check(world.ingress.get("/v1/tasks/0199f2aa-0000-7000-8000-000000000007"), 401, &["invalid_api_key"]).await;
    let answer = post(COMPLETIONS).send().await.unwrap();
    assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"neptune\"");
    assert_eq!(world.rest.seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_input_is_named() {
    let world = World::start().await;
    let mut body = task("hi");
    body["constraints"] = json!({"max_cost": 1, "lane": "realtime"});
    body["deliverr"] = json!([]);
    let problem = check(world.post("/v1/tasks", SUPPORT, &body), 400, &["no such field"]).await;
    let fields: Vec<&str> =
        problem["problems"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["constraints.max_cost", "deliverr"]);
    let body = json!({"messages": [], "temperature": 3, "stream": true});
    let error = check(world.post(COMPLETIONS, SUPPORT, &body), 400, &["messages", "temperature"]).await;
    assert_eq!(
        (&error["error"]["param"], &error["error"]["type"]),
        (&json!("messages"), &json!("invalid_request_error"))
    );
    let broken = world.ingress.post(COMPLETIONS, SUPPORT).header("content-type", "application/json");
    check(broken.body("{\"messages\":\n [}"), 400, &["not JSON", "line 2 column 3"]).await;
    let wrong = world.post(COMPLETIONS, SUPPORT, &json!({"messages": [{"role": "user", "content": "hi"}], "n": "two"}));
    assert_eq!(check(wrong, 400, &["line 1 column"]).await["error"]["param"], "n");
    check(world.post(COMPLETIONS, SUPPORT, &chat("hi")).header("x-neptune-lane", "slow"), 400, &["x-neptune-lane"])
        .await;
    check(world.post(COMPLETIONS, SUPPORT, &chat("hi")).header("idempotency-key", ""), 400, &["Idempotency-Key"]).await;
    let misspelt = world.post(COMPLETIONS, SUPPORT, &chat("hi")).header("x-neptune-max-cost", "1");
    assert_eq!(check(misspelt, 400, &["x-neptune-max-cost-usd"]).await["error"]["param"], "x-neptune-max-cost");
    let misplaced = world.post("/v1/tasks", SUPPORT, &task("hi")).header("x-neptune-lane", "batch");
    check(misplaced, 400, &["the body's constraints"]).await;
    for (query, field) in [("?wait=0", "wait"), ("?wait=601", "wait"), ("?wait=soon", "wait"), ("?wiat=5", "wiat")] {
        let problem = check(world.post(&format!("/v1/tasks{query}"), SUPPORT, &task("hi")), 400, &["?wait=600"]).await;
        assert_eq!(problem["problems"][0]["field"], field, "{problem}");
        assert!(!problem.to_string().contains("deserialize"), "{problem}");
    }
    let number = world.post(COMPLETIONS, SUPPORT, &json!({"messages": [{"role": "user", "content": 7}]}));
    let error = check(number, 400, &["expected a string or a list of parts"]).await;
    assert_eq!(error["error"]["param"], "messages[0].content");
    check(world.post(COMPLETIONS, SUPPORT, &json!([])), 400, &["a JSON object is expected"]).await;
    check(world.ingress.get("/v1/tasks/7").bearer_auth(api_key(SUPPORT)), 400, &["not a UUID"]).await;
    assert_eq!(world.rest.seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_that_can_never_be_reached_are_refused_at_once() {
    let world = World::start().await;
    let mut body = task("hi");
    body["deliver"] = json!([
        {"channel": "webhook", "to": "https://hooks.example/a"},
        {"channel": "webhook", "to": "https://169.254.169.254/latest/meta-data"},
        {"channel": "webhook", "to": "http://hooks.example/a"},
        {"channel": "email", "to": "a@b.example\nBcc: x@y.example"},
        {"channel": "email", "to": "nobody", "subject": "two\nlines"},
    ]);
    let problem = check(world.post("/v1/tasks", SUPPORT, &body), 400, &["allowPrivate"]).await;
    let fields: Vec<&str> =
        problem["problems"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["deliver[1].to", "deliver[2].to", "deliver[3].to", "deliver[4].to", "deliver[4].subject"]);
    assert_eq!(world.rest.seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_fit_are_told_what_does() {
    let world = World::start().await;
    let at = |method: Method, path: &str| world.ingress.http.request(method, format!("{}{path}", world.ingress.url));
    for (method, path, status, says) in [
        (Method::GET, "/v2/models", 404, "no such path"),
        (Method::POST, "/v1/tasks/7/undo", 404, "no such path"),
        (Method::GET, "/v1/tasks", 405, "other methods than GET"),
    ] {
        let problem = check(at(method, path), status, &[says]).await;
        assert_eq!(problem["status"], status, "{problem}");
    }
    for (method, path, status, code) in [
        (Method::POST, "/v1/images/generations", 404, "not_found"),
        (Method::GET, "/v1/responses/7", 404, "not_found"),
        (Method::GET, COMPLETIONS, 405, "method_not_allowed"),
        (Method::DELETE, "/v1/models", 405, "method_not_allowed"),
    ] {
        let error = check(at(method, path), status, &[]).await["error"].take();
        assert_eq!(
            (&error["code"], &error["type"], &error["param"]),
            (&json!(code), &json!("invalid_request_error"), &Value::Null),
            "{path}: {error}"
        );
    }
    let form = world.ingress.post("/v1/tasks", SUPPORT).header("content-type", "application/x-www-form-urlencoded");
    check(form.body("input=hi"), 415, &["application/json"]).await;
    let address = world.ingress.url.trim_start_matches("http://");
    let key = api_key(SUPPORT);
    let announced = "content-length: 33554433\r\n\r\n";
    // Two MiB a chunk, one byte above the limit in the end.
    let chunk = format!("200000\r\n{}\r\n", "x".repeat(2 * 1024 * 1024));
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{}1\r\nx\r\n", chunk.repeat(16));
    for rest in [announced, &chunked] {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
        connection.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let length = connection.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    assert_eq!(world.rest.seen(), 0);
}
