//! Tasks of the batch lane through the whole system: answered by a provider's batch, paid as one, and told to whoever
//! waits, also when the executor dies while the provider has the batch.

use crate::support::{SOON, ask, facts};
use neptune_contracts::{
    attempt::{Attempt, BATCH},
    finished::Outcome,
    ids::TaskId,
};
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "many/model";
/// Enough to collect, to send, to wait for the batch, and for an ordinary call.
const WHOLE: Duration = Duration::from_secs(60);

/// A model whose tasks are collected for two seconds, and whose batches take three.
async fn start() -> Stack {
    let stack = Stack::start().await;
    let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "outputUsdPerMtok": "8"});
    let batch =
        json!({"enabled": true, "maxWaitSeconds": 2, "pollSeconds": 1, "withinSeconds": 60, "pricePercent": 50});
    let spec = json!({
        "provider": "openai", "endpoint": "${NEPTUNE_SIMULATOR_URL}/v1", "upstreamModel": MODEL, "price": price,
        "batch": batch, "quality": {"default": 0.9}, "speed": {"firstTokenMs": 5, "tokensPerSecond": 1000}
    });
    stack.apply(&[manifest("Model", MODEL, spec)]).await;
    let behaviour = json!({
        "price": price, "tokens": {"cachedShare": 0.3}, "batch": {"delayMs": 3_000, "failsOn": "broken"}
    });
    stack.simulate(MODEL, behaviour).await;
    stack
}

fn task(text: &str, lane: &str) -> Value {
    let mut body = ask(text);
    body["constraints"] = json!({"models": [MODEL], "lane": lane});
    body
}

/// What the simulator says below its address.
async fn simulator(stack: &Stack, path: &str) -> Value {
    let told = stack.http().get(format!("{}{path}", stack.simulator_url)).send().await.unwrap();
    assert_eq!(told.status(), 200, "{path}");
    told.json().await.unwrap()
}

/// Items in batches that the provider has.
async fn items_sent(stack: &Stack) -> u64 {
    let batches = simulator(stack, "/v1/batches").await;
    batches["data"].as_array().unwrap().iter().map(|batch| batch["request_counts"]["total"].as_u64().unwrap()).sum()
}

/// At the prices of [`start`], in pico-dollars.
fn full_price(attempt: &Attempt) -> u64 {
    let usage = &attempt.usage;
    usage.input_uncached * 2_000_000 + usage.cache_read * 500_000 + usage.output_total() * 8_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_can_wait_are_sent_together_for_half_the_price_though_the_executor_dies_meanwhile() {
    let mut stack = start().await;
    // An urgent task is called at once, and goes through once every service knows the model.
    let urgent = task("first", "realtime");
    let known = || async { stack.post("/v1/tasks?wait=30").json(&urgent).send().await.unwrap().status() == 200 };
    wait_until("the model is known", SOON, known).await;
    let mut ids: Vec<TaskId> = Vec::new();
    for text in ["one", "two", "a broken one"] {
        let accepted: Value =
            stack.post("/v1/tasks").json(&task(text, "batch")).send().await.unwrap().json().await.unwrap();
        ids.push(accepted["id"].as_str().unwrap().parse().unwrap());
    }
    wait_until("the provider has them", SOON, || async { items_sent(&stack).await == 3 }).await;
    stack.kill("executor");
    let waiting = stack.get(&format!("/v1/tasks/{}", ids[0])).send().await.unwrap();
    assert_eq!(waiting.status(), 202, "they are under way");
    stack.restart("executor");
    let facts = facts(&stack, &ids, WHOLE).await;
    let purposes: Vec<Vec<Option<&str>>> =
        facts.iter().map(|fact| fact.attempts.iter().map(|attempt| attempt.purpose.as_deref()).collect()).collect();
    assert_eq!(purposes, [vec![Some(BATCH)], vec![Some(BATCH)], vec![Some(BATCH), None]]);
    assert!(facts.iter().all(|fact| fact.outcome == Outcome::Completed && fact.text().is_some()), "{facts:?}");
    for fact in &facts[..2] {
        let attempt = &fact.attempts[0];
        assert!(full_price(attempt) > 0);
        assert_eq!((attempt.cost_usd.0 * 2).cast_unsigned(), full_price(attempt), "{attempt:?}");
    }
    let ordinary = &facts[2].attempts[1];
    assert_eq!(ordinary.cost_usd.0.cast_unsigned(), full_price(ordinary), "one that failed there is called at once");
    assert_eq!(items_sent(&stack).await, 3, "nothing is sent twice");
    let agrees = || async {
        let charged = simulator(&stack, "/admin/account").await["total"]["cost_pico_usd"].as_str().unwrap().to_owned();
        stack.sql("SELECT coalesce(sum(amount_pico_usd), 0)::text FROM ledger_entry WHERE kind = 2") == charged
    };
    wait_until("the ledger has what was charged", SOON, agrees).await;
}
