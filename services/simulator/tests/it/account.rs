use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::Server;

const PRICED: &str = "
models:
  m:
    tokens: {cachedShare: 0.5, reasoning: 3}
    answer: 'eight ch'
    price: {inputUsdPerMtok: '2.00', cachedInputUsdPerMtok: '0.50', outputUsdPerMtok: '8.00'}
";

#[tokio::test]
async fn tokens_and_costs_add_up() {
    let server = Server::start(PRICED).await;
    for _ in 0..3 {
        server.ask("m", "?").await.unwrap();
    }
    let account = server.account("m").await;
    // One call: 5 prompt tokens of which 2 are cached, 2 of the answer and 3 of reasoning.
    assert_eq!(account["tokens"], json!({"prompt": 15, "cached": 6, "written": 0, "completion": 15, "reasoning": 9}));
    assert_eq!(account["cost_pico_usd"], (3 * (3 * 2_000_000 + 2 * 500_000 + 5 * 8_000_000)).to_string());
    let total = server.get("/admin/account").await.1["total"].clone();
    assert_eq!(total, account);
}

#[tokio::test]
async fn each_call_has_its_own_account() {
    let server = Server::start(PRICED).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "?"}]});
    for key in ["paid", "free"] {
        if key == "free" {
            server
                .put("m", json!({"faults": {"cutMidway": 1}, "price": {"inputUsdPerMtok": 2, "outputUsdPerMtok": 8}}))
                .await;
        }
        let sent = server.post("/v1/chat/completions").header("idempotency-key", key).json(&body).send().await.unwrap();
        sent.bytes().await.ok();
    }
    let calls = server.get("/admin/calls").await.1;
    let [paid, free] = calls.as_array().unwrap().as_slice() else { panic!("{calls}") };
    assert_eq!((&paid["idempotency_key"], &free["idempotency_key"]), (&json!("paid"), &json!("free")));
    assert_eq!(paid["cost_pico_usd"], server.account("m").await["cost_pico_usd"]);
    assert_eq!(paid["tokens"], json!({"prompt": 5, "cached": 2, "written": 0, "completion": 5, "reasoning": 3}));
    assert_eq!((&free["cost_pico_usd"], &free["tokens"]["completion"]), (&json!("0"), &json!(0)));
}

#[tokio::test]
async fn faults_cost_nothing() {
    let server = Server::start(PRICED).await;
    for fault in ["rateLimit", "serverError", "cut", "malformed", "quota"] {
        server
            .put(
                "m",
                json!({"failNext": 1, "failWith": fault, "price": {"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"}}),
            )
            .await;
        let _ = server.ask("m", "?").await;
    }
    let account = server.account("m").await;
    assert_eq!((&account["calls"], &account["successes"], &account["in_flight"]), (&json!(5), &json!(0), &json!(0)));
    assert_eq!(
        account["faults"],
        json!({"rate_limit": 1, "server_error": 1, "slow": 0, "cut": 1, "malformed": 1, "refused": 1})
    );
    assert_eq!(account["cost_pico_usd"], "0");
}

#[tokio::test]
async fn repeated_calls_can_be_found() {
    let server = Server::start("models: {m: {}}").await;
    for (question, key) in [("one", "k1"), ("two", "k2"), ("one", "k3")] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": question}]});
        let request =
            server.post("/v1/chat/completions").header("idempotency-key", key).header("x-request-id", question);
        request.json(&body).send().await.unwrap();
    }
    let calls = server.get("/admin/calls?limit=2").await.1;
    assert_eq!(calls.as_array().unwrap().len(), 2);
    assert_eq!((&calls[0]["idempotency_key"], &calls[1]["idempotency_key"]), (&json!("k2"), &json!("k3")));
    let all = server.get("/admin/calls").await.1;
    assert_eq!(all[0]["digest"], all[2]["digest"]);
    assert_ne!(all[0]["digest"], all[1]["digest"]);
    assert_eq!(
        (&all[2]["request_id"], &all[2]["outcome"], &all[2]["number"]),
        (&json!("one"), &json!("success"), &json!(3))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_abandons_its_call() {
    let server = Server::start("models: {m: {latency: {fixedMs: 600000}}}").await;
    let call = server.ask("m", "?");
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    while server.account("m").await["abandoned"] != 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.account("m").await["in_flight"], 0);
}

#[tokio::test]
async fn a_reset_brings_back_what_was_declared() {
    let server = Server::start("models: {m: {}}").await;
    server.put("a/b/c", json!({"answer": "hello"})).await;
    server.put("m", json!({"failNext": 1})).await;
    assert_eq!(server.ask("a/b/c", "?").await.unwrap().status(), 200);
    assert_eq!(server.post("/admin/reset").send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(server.ask("a/b/c", "?").await.unwrap().status(), 404);
    assert_eq!(server.ask("m", "?").await.unwrap().status(), 200);
    assert_eq!(server.account("m").await["calls"], 1);
    assert_eq!(server.get("/admin/calls").await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn misspelt_behaviours_are_refused() {
    let server = Server::start("models: {m: {}}").await;
    let check = async |behaviour: Value, part: &str| {
        let (status, answer) = server.put("m", behaviour).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{answer}");
    };
    check(json!({"latncy": 1}), "latncy").await;
    check(json!({"faults": {"cut": 7}}), "faults.cut").await;
    assert_eq!(server.delete("m").await, StatusCode::NO_CONTENT);
    assert_eq!(server.delete("m").await, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/admin/models").await.1, json!({}));
}
