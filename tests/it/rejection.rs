//! What is not allowed or not well-formed is refused, with the reason.

use crate::support::{SOON, ask, run};
use neptune_testkit::wait_until;
use neptune_tests::{
    keys::key,
    resources::{ADMIN, CALLER, manifest},
    stack::Stack,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_rule_and_the_remedy() {
    let stack = Stack::start().await;
    let poor = key("poor00000001").key;
    let completion = |body: Value, key: &str| {
        stack.http().post(format!("{}/v1/chat/completions", stack.url)).bearer_auth(key).json(&body).send()
    };
    let hello = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    let own = key(neptune_tests::resources::CALLER).key;
    for (body, key, status, code) in [
        (hello("nope/nothing"), own.as_str(), 404, "model_not_found"),
        (json!({"messages": []}), own.as_str(), 400, "invalid_request"),
        (
            json!({"messages": [{"role": "user", "content": "x"}], "stream": "yes"}),
            own.as_str(),
            400,
            "invalid_request",
        ),
        (hello("auto"), poor.as_str(), 429, "budget_exceeded"),
        (hello("auto"), "npt_test_x_y_000000", 401, "invalid_api_key"),
        (hello("auto"), key(ADMIN).key.as_str(), 403, "key_not_allowed"),
    ] {
        let answer = completion(body.clone(), key).await.unwrap();
        let found = answer.status();
        let should_retry = answer.headers().get("x-should-retry").map(|value| value.to_str().unwrap().to_owned());
        let error: Value = answer.json().await.unwrap();
        assert_eq!((found.as_u16(), error["error"]["code"].as_str()), (status, Some(code)), "{body} {error}");
        assert!(error["error"]["message"].as_str().unwrap().len() > 10, "{error}");
        assert_ne!(should_retry.as_deref(), Some("true"), "{code} is not worth a retry");
    }

    for (body, field) in [
        (json!({"input": {"messages": [{"role": "user", "content": "x"}]}, "constrants": {}}), "constrants"),
        (
            json!({"input": {"messages": [{"role": "user", "content": "x"}]}, "constraints": {"max_cots": 1}}),
            "constraints.max_cots",
        ),
        (json!({"input": {"messages": [{"role": "king", "content": "x"}]}}), "input.messages[0].role"),
    ] {
        let answer = stack.post("/v1/tasks").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["problems"][0]["field"], field, "{problem}");
    }
    assert_eq!(stack.post("/v1/nowhere").send().await.unwrap().status(), 404);
    assert_eq!(stack.get("/v1/tasks").send().await.unwrap().status(), 405);
    assert_eq!(
        stack
            .post("/v1/tasks")
            .body("x".repeat(33 << 20))
            .send()
            .await
            .map(|answer| answer.status().as_u16())
            .unwrap_or(413),
        413
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_callers_own_is_named_and_is_no_outage() {
    let stack = Stack::start().await;
    let hello = json!({"messages": [{"role": "user", "content": "hello"}]});
    let mut wordy = hello.clone();
    wordy["max_tokens"] = json!(10_000_000);
    for (body, cost, status, code, param) in [
        (&hello, "0.00000001", 402, "cost_limit_reached", "constraints.max_cost_usd"),
        (&wordy, "1", 400, "max_tokens_exceeded", "max_tokens"),
    ] {
        let request = stack.post("/v1/chat/completions").header("x-neptune-max-cost-usd", cost);
        let answer = request.json(body).send().await.unwrap();
        assert_eq!(answer.headers()["x-should-retry"], "false");
        let found = answer.status().as_u16();
        let error = answer.json::<Value>().await.unwrap()["error"].take();
        let named = (found, error["code"].as_str(), error["param"].as_str());
        assert_eq!(named, (status, Some(code), Some(param)), "{error}");
        assert!(error["message"].as_str().unwrap().contains("; allow "), "says what would help: {error}");
    }
    let answer = stack.post("/v1/images/generations").json(&hello).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let error = answer.json::<Value>().await.unwrap()["error"].take();
    assert!(error["message"].is_string() && error["type"] == "invalid_request_error", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policy_holds_at_once_and_without_a_restart() {
    let stack = Stack::start().await;
    let before = run(&stack, ask("hello")).await;
    assert_eq!(before["outcome"], "completed");
    stack.apply(&[manifest("Team", "support", json!({"models": ["meta/*"], "zones": ["onprem"]}))]).await;
    let fact = neptune_testkit::wait_until("the new policy holds", crate::support::SOON, || async {
        run(&stack, ask("hello")).await["attempts"][0]["zone"] == "onprem"
    });
    fact.await;
    stack.apply(&[manifest("Team", "support", json!({"models": []}))]).await;
    let refused = || async { run(&stack, ask("hello")).await["error"]["code"] == "model_not_allowed" };
    neptune_testkit::wait_until("nothing is granted", crate::support::SOON, refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_two_teams_use_is_two_tasks() {
    let stack = Stack::start().await;
    let mut body = ask("What is a pump?");
    body["id"] = json!(neptune_contracts::ids::TaskId::mint());
    let mut facts = Vec::new();
    for who in [CALLER, "other0000001"] {
        let url = format!("{}/v1/tasks?wait=30", stack.url);
        let answer = stack.http().post(url).bearer_auth(key(who).key).json(&body).send().await.unwrap();
        let fact: serde_json::Value = answer.json().await.unwrap();
        assert_eq!((fact["outcome"].as_str(), &fact["id"]), (Some("completed"), &body["id"]), "{fact}");
        facts.push(fact);
    }
    assert_ne!(facts[0]["team"], facts[1]["team"]);
    let both = || async { stack.sql("SELECT count(*) FROM task") == "2" };
    wait_until("both are in the ledger", SOON, both).await;
}
