//! What a step of a run costs beyond the task itself, and how many steps a second there are.

use super::run::SYNCED;
use crate::{resources::manifest, stack::Stack};
use axum::{Json, Router, routing::post};
use neptune_contracts::{finished::TaskFinished, ids::RunId, run::finished::RunFinished};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Steps of a chain.
const STEPS: usize = 20;
/// Branches of the fork.
const BRANCHES: usize = 1_000;
const LONG: Duration = Duration::from_secs(300);

/// Measures under both settings of the broker, with `count` runs at once, and prints what came out.
#[allow(clippy::print_stdout, reason = "this is what it is for")]
pub async fn measure(count: usize) {
    for (name, config) in [("broker's default sync", ""), ("every accept synced to disk", SYNCED)] {
        let stack = Stack::start_in(config, &[("NEPTUNE_EXECUTOR_RUN_HOSTS", "127.0.0.1")]).await;
        let port = answering().await;
        let endpoint = format!("http://127.0.0.1:{port}/");
        let call = json!({"call": "http", "with": {"method": "post", "endpoint": endpoint, "body": {}}});
        let ask = json!({"call": "model:1.0.0@default", "with": {"task": "chat", "input": "What is a pump?"}});
        stack.apply(&[chain("calls", &call), chain("asks", &ask), wide(&call)]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("{name}:");
        let task_us = tasks(&stack).await;
        println!("  a task by itself, submit to fact: p50 {task_us} us");
        let asked_us = steps(&stack, "bench/asks").await;
        println!("  a model step of a run: p50 {asked_us} us, {} us beyond the task", asked_us.saturating_sub(task_us));
        println!("  a step that calls an endpoint: p50 {} us", steps(&stack, "bench/calls").await);
        let begun = Instant::now();
        let ended = ended(&stack, &begin(&stack, "bench/calls", count).await).await;
        assert!(ended.iter().all(|fact| fact.output.is_some()), "{:?}", ended.first());
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let per_second = (count * STEPS) as f64 / begun.elapsed().as_secs_f64();
        println!("  {count} runs of {STEPS} such steps at once: {per_second:.0} steps/s");
        let mut wide_us = Vec::new();
        for _ in 0..5 {
            wide_us.push(took_us(&one(&stack, "bench/wide").await));
        }
        wide_us.sort_unstable();
        println!("  {BRANCHES} branches that call, forked and joined: {} ms", wide_us[2] / 1_000);
    }
}

fn chain(name: &str, step: &Value) -> neptune_contracts::resource::Manifest {
    let tasks: Vec<Value> = (0..STEPS).map(|number| json!({format!("s{number}"): step})).collect();
    workflow(name, &json!(tasks))
}

fn wide(step: &Value) -> neptune_contracts::resource::Manifest {
    let each = json!({"each": "item", "in": format!("${{ [range({BRANCHES})] }}")});
    let metadata = json!({"neptune": {"parallel": BRANCHES}});
    workflow("wide", &json!([{"all": {"for": each, "metadata": metadata, "do": [{"call": step}]}}]))
}

fn workflow(name: &str, tasks: &Value) -> neptune_contracts::resource::Manifest {
    let head = json!({"dsl": "1.0.3", "namespace": "bench", "name": name, "version": "1.0.0"});
    manifest("Workflow", &format!("bench/{name}:1.0.0"), json!({"document": {"document": head, "do": tasks}}))
}

/// A server that answers at once.
async fn answering() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/", post(|| async { Json(json!({})) }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

async fn tasks(stack: &Stack) -> u64 {
    let mut all = Vec::new();
    for _ in 0..200 {
        let body = json!({"input": {"messages": [{"role": "user", "content": "What is a pump?"}]}});
        let fact: TaskFinished =
            stack.post("/v1/tasks?wait=30").json(&body).send().await.unwrap().json().await.unwrap();
        all.push(fact.times.finished_at.micros_since(fact.times.submitted_at));
    }
    median(all)
}

/// Microseconds a step of single runs, one after the other.
async fn steps(stack: &Stack, name: &str) -> u64 {
    let mut all = Vec::new();
    for _ in 0..15 {
        let fact = one(stack, name).await;
        assert!(fact.output.is_some(), "{fact:?}");
        all.push(took_us(&fact) / STEPS as u64);
    }
    median(all)
}

async fn one(stack: &Stack, name: &str) -> RunFinished {
    let ids = begin(stack, name, 1).await;
    ended(stack, &ids).await.remove(0)
}

async fn begin(stack: &Stack, name: &str, count: usize) -> Vec<RunId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let answer = stack.post("/v1/runs").json(&json!({"workflow": name})).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        ids.push(serde_json::from_value(answer["id"].clone()).unwrap_or_else(|_| panic!("{answer}")));
    }
    ids
}

async fn ended(stack: &Stack, ids: &[RunId]) -> Vec<RunFinished> {
    let team = "support".parse().unwrap();
    let mut facts = Vec::new();
    for id in ids {
        let ended = || async { stack.bus.run_result(&team, *id).await.is_ok_and(|end| end.is_some()) };
        wait_until(&format!("run {id} ends"), LONG, ended).await;
        facts.push(stack.bus.run_result(&team, *id).await.unwrap().unwrap());
    }
    facts
}

fn took_us(fact: &RunFinished) -> u64 {
    fact.finished_at.micros_since(fact.submitted_at)
}

fn median(mut all: Vec<u64>) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}
