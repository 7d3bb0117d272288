//! A model fails, and the caller does not notice.

use crate::support::{ask, run};
use neptune_tests::stack::Stack;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_model_is_passed_over_at_once_and_then_left_alone() {
    let stack = Stack::start().await;
    let mut body = ask("Classify this ticket as one of the following: bug, billing");
    let reserve = "meta/llama-3.3-70b";
    // Each fault meets another favourite, far better than the reserve, so that no fault is judged by the one before.
    for (favourite, behaviour, class) in [
        ("openai/gpt-4.1", json!({"faults": {"serverError": 1.0}}), "overload"),
        ("anthropic/claude-haiku-4.5", json!({"faults": {"malformed": 1.0}}), "malformed"),
        ("openai/gpt-4.1-mini", json!({"faults": {"cut": 1.0}}), "network"),
    ] {
        body["constraints"] = json!({"route": "auto:best", "models": [favourite, reserve]});
        stack.simulate(favourite, behaviour).await;
        let fact = run(&stack, body.clone()).await;
        assert_eq!(fact["outcome"], "completed", "{fact}");
        assert_eq!(fact["attempts"][0]["model"], favourite, "{fact}");
        assert_eq!(fact["attempts"][0]["error"]["class"], class, "{fact}");
        assert_eq!(fact["attempts"][1]["model"], reserve, "{fact}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_model_is_left_alone_for_as_long_as_it_asks() {
    let stack = Stack::start().await;
    let mut body = ask("Classify this ticket as one of the following: bug, billing");
    body["constraints"] = json!({"route": "auto:best"});
    let usual = run(&stack, body.clone()).await;
    let favourite = usual["attempts"][0]["model"].as_str().unwrap().to_owned();
    stack.simulate(&favourite, json!({"faults": {"rateLimit": 1.0, "retryAfterMs": 30000}})).await;
    let limited = run(&stack, body.clone()).await;
    assert_eq!(limited["attempts"][0]["error"]["class"], "rate_limit");
    // The circuit is open: the model is not even tried.
    let next = run(&stack, body).await;
    assert_eq!(next["attempts"].as_array().unwrap().len(), 1, "{next}");
    let removed = next["route"]["removed"].as_array().unwrap();
    assert!(
        removed.iter().any(|removed| removed["by"] == "circuit" && removed["model"] == favourite.as_str()),
        "{next}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_everything_fails_the_caller_learns_why() {
    let stack = Stack::start().await;
    for model in ["openai/gpt-4.1", "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", "meta/llama-3.3-70b"] {
        stack.simulate(model, json!({"faults": {"serverError": 1.0}})).await;
    }
    let fact = run(&stack, ask("What is a pump?")).await;
    assert_eq!(
        (fact["outcome"].as_str(), fact["error"]["code"].as_str()),
        (Some("failed"), Some("upstream_failed")),
        "{fact}"
    );
    let attempts = fact["attempts"].as_array().unwrap();
    // Three models, and all of them again after a rest.
    assert_eq!((attempts.len(), fact["parked"]["times"].as_u64()), (6, Some(1)), "{fact}");
    for attempt in attempts {
        assert!(fact["error"]["message"].as_str().unwrap().contains(attempt["model"].as_str().unwrap()));
    }
    let request = json!({"messages": [{"role": "user", "content": "What is a pump?"}]});
    let answer = stack.post("/v1/chat/completions").json(&request).send().await.unwrap();
    assert_eq!(answer.status(), 502);
}
