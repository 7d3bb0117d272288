//! Every service is killed in turn under a stream of tasks: every accepted task ends once, and is
//! paid for once.

use crate::support::{facts, ledger_agrees, submit};
use futures::{StreamExt as _, stream};
use neptune_tests::stack::{SERVICES, Stack};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::RwLock;

const TASKS: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_task_ends_once_and_is_settled_once_whoever_is_killed() {
    let stack = Arc::new(RwLock::new(Stack::start().await));
    for model in ["openai/gpt-4.1", "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", "meta/llama-3.3-70b"] {
        stack.read().await.simulate(model, json!({"latency": {"fixedMs": 40}})).await;
    }
    let killer = tokio::spawn({
        let stack = stack.clone();
        async move {
            let mut under_way = 0;
            for service in SERVICES {
                let mut rest = tokio::time::interval(Duration::from_millis(700));
                rest.tick().await;
                rest.tick().await;
                let mut stack = stack.write().await;
                if service == "executor" {
                    under_way = stack.account().await["total"]["in_flight"].as_u64().unwrap();
                }
                stack.kill(service);
                stack.restart(service);
            }
            under_way
        }
    });
    let ids: Vec<_> = stream::iter(0..TASKS)
        .map(|number| {
            let stack = stack.clone();
            async move {
                // Tasks come over several seconds, so that each kill hits some in every stage.
                let id = submit(&*stack.read().await, &format!("What is pump number {number}?")).await;
                tokio::time::sleep(Duration::from_millis(150)).await;
                id
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let under_way = killer.await.unwrap();
    let stack = stack.read().await;
    stack.ready().await;
    let facts = facts(&stack, &ids, Duration::from_secs(90)).await;
    let unfinished =
        facts.iter().filter(|fact| fact.outcome != neptune_contracts::finished::Outcome::Completed).count();
    assert_eq!(unfinished, 0, "kills are invisible to callers");
    ledger_agrees(&stack, &facts, Duration::from_secs(60)).await;
    let account = stack.account().await;
    let calls: u64 =
        account["models"].as_object().unwrap().values().map(|model| model["calls"].as_u64().unwrap()).sum();
    let recorded: usize = facts.iter().map(|fact| fact.attempts.len()).sum();
    let extra = calls.saturating_sub(recorded as u64);
    eprintln!(
        "{TASKS} tasks, {} services killed once each; {under_way} calls were under way when the executor was killed, {extra} were made that no fact records",
        SERVICES.len()
    );
    // Between the count and the kill more may begin, or be answered without their fact being stored.
    assert!(extra <= under_way + 20, "a kill costs at most the calls that were under way: {extra} of {under_way}");
}
