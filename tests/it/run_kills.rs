//! Services and the broker are killed in turn under runs of workflows: every run ends, each step is recorded once, and
//! models are called again only for what was under way.

use futures::{StreamExt as _, stream};
use neptune_contracts::{query::run::RunView, resource::Manifest, run::finished::RunOutcome};
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::RwLock;

const RUNS: usize = 100;
const STEPS: usize = 20;
/// Longer than everything that is handed out again takes.
const LONG: Duration = Duration::from_secs(240);

/// A workflow of model steps, one after the other but for a fork in their midst.
fn workflow() -> Manifest {
    let step = |number: usize| {
        let with = json!({"task": "chat", "input": format!("What is pump {number}?")});
        json!({format!("s{number}"): {"call": "model:1.0.0@default", "with": with}})
    };
    let branches: Vec<Value> = (5..10).map(step).collect();
    let fork = json!({"fork": {"fork": {"branches": branches}}});
    let tasks: Vec<Value> = (0..5).map(step).chain([fork]).chain((10..STEPS).map(step)).collect();
    let head = json!({"dsl": "1.0.3", "namespace": "test", "name": "long", "version": "1.0.0"});
    manifest("Workflow", "test/long:1.0.0", json!({"document": {"document": head, "do": tasks}}))
}

async fn submit(stack: &Stack, number: usize) -> String {
    let key = format!("run-{number}");
    let accepted = || async {
        let request = stack.post("/v1/runs").header("idempotency-key", &key);
        let sent = request.json(&json!({"workflow": "test/long"})).timeout(Duration::from_secs(10)).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => answer.json::<Value>().await.ok(),
            _ => None,
        }
    };
    for _ in 0..100 {
        if let Some(answer) = accepted().await {
            return answer["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("run {number} is not accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_with_each_step_recorded_once_whoever_is_killed() {
    let stack = Arc::new(RwLock::new(Stack::start().await));
    stack.read().await.apply(&[workflow()]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let killer = tokio::spawn({
        let stack = stack.clone();
        async move {
            let turns =
                ["executor", "router", "executor", "governance", "executor", "nats", "executor", "ingress", "executor"];
            for service in turns {
                tokio::time::sleep(Duration::from_millis(1_300)).await;
                let mut stack = stack.write().await;
                if service == "nats" {
                    stack.nats.restart().await;
                } else {
                    stack.kill(service);
                    stack.restart(service);
                }
            }
            turns.len()
        }
    });
    let ids: Vec<String> = stream::iter(0..RUNS)
        .map(|number| {
            let stack = stack.clone();
            async move { submit(&*stack.read().await, number).await }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let kills = killer.await.unwrap();
    let stack = stack.read().await;
    let team = "support".parse().unwrap();
    for id in &ids {
        let run = id.parse().unwrap();
        let ended = || async { stack.bus.run_result(&team, run).await.is_ok_and(|end| end.is_some()) };
        wait_until(&format!("run {id} ends"), LONG, ended).await;
        let fact = stack.bus.run_result(&team, run).await.unwrap().unwrap();
        assert_eq!((fact.outcome, fact.turn), (RunOutcome::Completed, 1), "{fact:?}");
    }
    for id in &ids {
        let view: RunView = stack.get(&format!("/v1/runs/{id}")).send().await.unwrap().json().await.unwrap();
        for number in 0..STEPS {
            let name = format!("s{number}");
            let found: Vec<_> = view.steps.iter().filter(|step| step.name == name).collect();
            assert_eq!((found.len(), found[0].state.as_str()), (1, "done"), "{name} of {id}");
        }
        // The run costs what its steps cost.
        let steps: i64 = view.steps.iter().map(|step| step.cost_usd.0).sum();
        assert_eq!(view.cost_usd.0, steps);
    }
    let account = stack.account().await;
    let calls = account["total"]["calls"].as_u64().unwrap();
    let wanted = (RUNS * STEPS) as u64;
    println!("{kills} kills, {wanted} steps, {} calls made again", calls.saturating_sub(wanted));
    assert!(calls >= wanted, "{account}");
    assert!(calls - wanted <= wanted / 10, "{} calls were made again: {account}", calls - wanted);
}
