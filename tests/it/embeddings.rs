//! Vectors of texts, through the whole system.

use crate::support::{SOON, ask, facts, ledger_agrees, run};
use neptune_contracts::ids::TaskId;
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

const MODEL: &str = "openai/text-embedding-3-small";

async fn start() -> Stack {
    let stack = Stack::start().await;
    let price = json!({"inputUsdPerMtok": "0.02", "outputUsdPerMtok": "0"});
    let spec = json!({
        "provider": "openai", "endpoint": "${NEPTUNE_SIMULATOR_URL}/v1", "upstreamModel": MODEL, "price": price,
        "capabilities": {"embeddings": true, "contextTokens": 8192},
    });
    stack.apply(&[manifest("Model", MODEL, spec)]).await;
    stack.simulate(MODEL, json!({"price": price})).await;
    stack
}

async fn embed(stack: &Stack, body: Value) -> (u16, reqwest::header::HeaderMap, Value) {
    let answer = stack.post("/v1/embeddings").json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_vectors_that_are_routed_priced_and_metered() {
    let stack = start().await;
    let texts = json!(["the pump in hall 3 leaks", "a valve is loose"]);
    let (status, headers, list) = embed(&stack, json!({"model": "text-embedding-3-small", "input": texts})).await;
    assert_eq!((status, &list["object"], &list["model"]), (200, &json!("list"), &json!(MODEL)), "{list}");
    assert_eq!(headers["x-neptune-model"], MODEL);
    let tokens = list["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!(list["usage"], json!({"prompt_tokens": tokens, "total_tokens": tokens}));
    let vector = |list: &Value, index: usize| list["data"][index]["embedding"].clone();
    assert_eq!(vector(&list, 0).as_array().unwrap().len(), 256);
    assert_ne!(vector(&list, 0), vector(&list, 1));

    let one = json!({"model": MODEL, "input": "a valve is loose", "dimensions": 16, "encoding_format": "base64"});
    let (_, _, short) = embed(&stack, one).await;
    assert_eq!(vector(&short, 0).as_str().unwrap().len(), 88, "64 bytes in base64");

    let id: TaskId = headers["x-neptune-task-id"].to_str().unwrap().parse().unwrap();
    let known = facts(&stack, &[id], SOON).await;
    // Two cents for a million tokens of input, and nothing else.
    assert_eq!(known[0].cost_usd.0, i64::try_from(tokens).unwrap() * 20_000);
    let removed = &known[0].route.as_ref().unwrap().removed;
    assert!(removed.is_empty(), "the model was named: {removed:?}");
    let counted = || async { stack.sql("SELECT count(*) FROM task") == "2" };
    wait_until("the ledger has both", SOON, counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_the_other_kind_are_passed_over_with_the_reason() {
    let stack = start().await;
    let fact = run(&stack, ask("What is a pump?")).await;
    assert_eq!(fact["outcome"], "completed");
    let removed = fact["route"]["removed"].as_array().unwrap();
    let reason = removed.iter().find(|removed| removed["model"] == MODEL).unwrap();
    assert_eq!(
        (&reason["by"], &reason["reason"]),
        (&json!("capability"), &json!("it gives embeddings, and answers nothing"))
    );
    // On a route with both only the model that can is left.
    stack.apply(&[manifest("Route", "mixed", json!({"candidates": [MODEL, "openai/gpt-4.1"]}))]).await;
    let (status, headers, list) = embed(&stack, json!({"model": "mixed", "input": "a pump"})).await;
    assert_eq!((status, &headers["x-neptune-model"]), (200, &MODEL.parse().unwrap()), "{list}");
    let id: TaskId = headers["x-neptune-task-id"].to_str().unwrap().parse().unwrap();
    let known = facts(&stack, &[id, fact["id"].as_str().unwrap().parse().unwrap()], SOON).await;
    let removed = &known[0].route.as_ref().unwrap().removed;
    assert!(removed.iter().any(|removed| removed.reason == "it cannot give embeddings"), "{removed:?}");
    ledger_agrees(&stack, &known, SOON).await;

    for (path, body, param, says) in [
        ("/v1/embeddings", json!({"model": "openai/gpt-4.1", "input": "x"}), "model", "can give embeddings"),
        ("/v1/embeddings", json!({"model": "auto", "input": "x"}), "model", "cannot be compared"),
        ("/v1/embeddings", json!({"model": MODEL, "input": [1, 2]}), "input", "send the texts themselves"),
        ("/v1/embeddings", json!({"model": MODEL, "input": "x", "dimensions": 0}), "dimensions", "1 to 16384"),
        (
            "/v1/chat/completions",
            json!({"model": MODEL, "messages": [{"role": "user", "content": "x"}]}),
            "model",
            "/v1/embeddings",
        ),
    ] {
        let answer = stack.post(path).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["param"], param, "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{error}");
    }
}
