use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let server = Server::start("models: {m: {faults: {rateLimit: 1, retryAfterMs: 1500}}}").await;
    let response = server.ask("m", "?").await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(
        (&response.headers()["retry-after"], &response.headers()["retry-after-ms"]),
        (&"2".parse().unwrap(), &"1500".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn a_model_with_limits_counts_them_down_in_headers_and_refuses_beyond_them() {
    let server = Server::start("models: {m: {limits: {requests: 2, windowMs: 400}}}").await;
    let left = |response: &reqwest::Response| {
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        (response.status().as_u16(), header("x-ratelimit-remaining-requests"), header("x-ratelimit-limit-requests"))
    };
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(left(&server.ask("m", "?").await.unwrap()));
    }
    let of = |status: u16, remaining: &str| (status, remaining.to_owned(), "2".to_owned());
    assert_eq!(seen, [of(200, "1"), of(200, "0"), of(429, "0")]);
    let refused = server.ask("m", "?").await.unwrap();
    let wait_ms: u64 = refused.headers()["retry-after-ms"].to_str().unwrap().parse().unwrap();
    assert!(refused.headers()["x-ratelimit-reset-requests"].to_str().unwrap().ends_with("ms"));
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    assert_eq!(left(&server.ask("m", "?").await.unwrap()), of(200, "1"));
    assert_eq!(server.account("m").await["faults"]["rate_limit"], 2);
    // By the admin route, and at once.
    let (status, put) = server.put("m", json!({"limits": {"tokens": 0, "headers": "anthropic"}})).await;
    assert_eq!((status.as_u16(), &put["limits"]["windowMs"]), (200, &json!(60_000)));
    let refused = server.ask("m", "?").await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["anthropic-ratelimit-tokens-remaining"]),
        (429, &"0".parse().unwrap())
    );
    let (status, _) = server.put("m", json!({"limits": {"windowMs": 0}})).await;
    assert_eq!(status.as_u16(), 400);
}

#[tokio::test]
async fn a_server_error_has_the_shape_of_openai() {
    let server = Server::start("models: {m: {faults: {serverError: 1}}}").await;
    let response = server.ask("m", "?").await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["type"], "server_error");
}

#[tokio::test]
async fn a_cut_connection_sends_no_byte_and_harms_no_other() {
    let server = Server::start("models: {m: {faults: {cut: 1}}, n: {}}").await;
    let error = server.ask("m", "?").await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(server.ask("n", "?").await.unwrap().status(), 200);
    assert_eq!(server.account("m").await["faults"]["cut"], 1);
}

#[tokio::test]
async fn an_answer_that_breaks_midway_has_begun() {
    let server = Server::start("models: {m: {faults: {cutMidway: 1}}, n: {}}").await;
    let mut response = server.ask("m", "?").await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.chunk().await.unwrap().unwrap().starts_with(b"{\"id\":"));
    assert!(response.chunk().await.is_err(), "it breaks before it is complete");
    assert_eq!(server.ask("n", "?").await.unwrap().status(), 200);
    assert_eq!(server.account("m").await["faults"]["cut"], 1);
}

#[tokio::test]
async fn every_refusal_can_come_by_chance_and_one_rate_limit_says_nothing_of_its_end() {
    let server = Server::start("models: {m: {}}").await;
    for (fault, status, code) in [
        ("auth", 401, "invalid_api_key"),
        ("quota", 429, "insufficient_quota"),
        ("contextLength", 400, "context_length_exceeded"),
        ("filter", 400, "content_filter"),
        ("rateLimitUntold", 429, "rate_limit_exceeded"),
    ] {
        server.put("m", json!({"faults": {fault: 1}})).await;
        let response = server.ask("m", "?").await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{fault}");
        assert!(!response.headers().contains_key("retry-after"), "{fault}");
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], code);
    }
}

#[tokio::test]
async fn incidents_last_as_long_as_they_say() {
    let server = Server::start("models: {m: {incidents: ['fail for 400 ms', 'in 400 ms quota for 10 min']}}").await;
    let status = async || server.ask("m", "?").await.unwrap().status().as_u16();
    assert_eq!(status().await, 500);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(status().await, 429);
    // The clock begins anew when it is declared anew.
    let (put, shown) = server.put("m", json!({"incidents": ["fail 100 % for 60 s"]})).await;
    assert_eq!((put.as_u16(), &shown["incidents"]), (200, &json!(["fail 100 % for 60 s"])));
    assert_eq!(status().await, 500);
    let (put, _) = server.put("m", json!({"incidents": ["explode"]})).await;
    assert_eq!(put.as_u16(), 400);
}

#[tokio::test]
async fn a_stream_stalls_after_as_many_pieces_as_its_incident_says() {
    let server = Server::start("models: {m: {incidents: [stall after 3 chunks]}}").await;
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "What is a pump?"}]});
    let mut response = server.chat(body).await.unwrap();
    let mut said = String::new();
    while let Ok(Ok(Some(bytes))) = tokio::time::timeout(Duration::from_millis(300), response.chunk()).await {
        said.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert_eq!(said.matches("data: ").count(), 3, "{said}");
}

#[tokio::test]
async fn a_malformed_answer_is_no_json() {
    let server = Server::start("models: {m: {faults: {malformed: 1}}}").await;
    let response = server.ask("m", "?").await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.text().await.unwrap();
    assert!(body.starts_with("{\"id\":") && serde_json::from_str::<Value>(&body).is_err(), "{body}");
}

#[tokio::test]
async fn a_slow_answer_is_correct_and_late() {
    let server = Server::start("models: {m: {faults: {slow: 1, slowMs: 50}}}").await;
    let started = Instant::now();
    assert_eq!(server.ask("m", "?").await.unwrap().status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(50));
    let account = server.account("m").await;
    assert_eq!((&account["successes"], &account["faults"]["slow"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn the_next_calls_fail_as_told() {
    let server = Server::start("models: {openai/gpt: {}}").await;
    let (status, put) = server.put("openai/gpt", json!({"failNext": 2, "failWith": "rateLimit"})).await;
    assert_eq!((status.as_u16(), &put["failNext"]), (200, &json!(2)));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(server.ask("openai/gpt", "?").await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [429, 429, 200]);
    assert_eq!(server.get("/admin/models/openai/gpt").await.1["failNext"], 0);
}

#[tokio::test]
async fn a_seed_makes_faults_reproducible() {
    let declared = "models: {m: {seed: 3, faults: {rateLimit: 0.3, serverError: 0.3}}}";
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = Server::start(declared).await;
        let mut statuses = Vec::new();
        for call in 0..40 {
            statuses.push(server.ask("m", &format!("question {}", call % 8)).await.unwrap().status().as_u16());
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    for status in [200, 429, 500] {
        assert!(runs[0].contains(&status), "no {status} in {:?}", runs[0]);
    }
}

#[tokio::test]
async fn calls_that_wait_are_cut_when_it_stops() {
    let server = Server::start("models: {m: {latency: {fixedMs: 600000}}}").await;
    let call = server.ask("m", "?");
    let stop = async {
        while server.account("m").await["in_flight"] != 1 {
            tokio::task::yield_now().await;
        }
        server.stop();
    };
    let (answer, ()) = tokio::join!(call, stop);
    assert!(answer.is_err());
}
