//! A model starts to fail under load: its traffic goes elsewhere by itself, and comes back when it
//! answers again.

use crate::support::ask;
use futures::{StreamExt as _, stream::FuturesUnordered};
use neptune_contracts::Timestamp;
use neptune_testkit::wait_until;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Between two tasks: 200 a second, and half of that where nothing is optimised.
const EVERY: Duration = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 5 });
/// When the model begins to fail.
const FAILS_AT: Duration = Duration::from_secs(2);
/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(10);
/// Within this time everybody knows.
const GRACE: Duration = Duration::from_secs(1);

fn body() -> Value {
    let mut body = ask("Classify this ticket as one of the following: bug, billing");
    body["constraints"] = json!({"route": "auto:best"});
    body
}

async fn one(stack: &Stack) -> Value {
    stack.post("/v1/tasks?wait=60").json(&body()).send().await.unwrap().json().await.unwrap()
}

fn time(at: &Value) -> Timestamp {
    serde_json::from_value(at.clone()).unwrap()
}

/// When so many calls of `model` had failed as open its circuit. A call that fails is heard of when
/// it ends.
fn failures_known(facts: &[Value], model: &str) -> Timestamp {
    let attempts = facts.iter().flat_map(|fact| fact["attempts"].as_array().unwrap());
    let failed = attempts.filter(|attempt| attempt["model"] == model && attempt["error"]["class"] == "overload");
    let ended = |attempt: &Value| {
        let latency_ms = i64::try_from(attempt["latency_us"].as_u64().unwrap() / 1_000).unwrap();
        time(&attempt["started_at"]).plus_millis(latency_ms)
    };
    let mut ends: Vec<Timestamp> = failed.map(ended).collect();
    ends.sort();
    ends[4]
}

fn models(fact: &Value) -> Vec<&str> {
    let attempts = fact["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["model"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_begins_to_fail_loses_its_traffic_within_a_second_and_gets_it_back() {
    let stack = Stack::start_alone().await;
    let usual = one(&stack).await;
    let favourite = models(&usual)[0].to_owned();
    let begun = Instant::now();
    let breaking = async {
        tokio::time::sleep(FAILS_AT).await;
        stack.simulate(&favourite, json!({"faults": {"serverError": 1.0}})).await;
    };
    let loading = async {
        let (mut ticks, mut tasks, mut facts) = (tokio::time::interval(EVERY), FuturesUnordered::new(), Vec::new());
        while begun.elapsed() < LOAD {
            tokio::select! {
                _ = ticks.tick() => tasks.push(one(&stack)),
                Some(fact) = tasks.next() => facts.push(fact),
            }
        }
        while let Some(fact) = tasks.next().await {
            facts.push(fact);
        }
        facts
    };
    let ((), facts) = tokio::join!(breaking, loading);
    let failed: Vec<&Value> = facts.iter().filter(|fact| fact["outcome"] != "completed").collect();
    assert!(failed.is_empty(), "the outage is invisible to callers, but {} failed: {}", failed.len(), failed[0]);
    // What was routed before anybody knew does not count, however long it waited for its call.
    let known_at = failures_known(&facts, &favourite).plus_millis(i64::try_from(GRACE.as_millis()).unwrap());
    let late: Vec<&Value> = facts.iter().filter(|fact| time(&fact["times"]["routed_at"]) > known_at).collect();
    let twice = late.iter().filter(|fact| models(fact).len() > 1).count();
    eprintln!(
        "{} tasks, {} of them after the first second of the outage: {twice} saw a second attempt",
        facts.len(),
        late.len()
    );
    let seconds = late.iter().filter(|fact| models(fact).len() > 1);
    let errors: std::collections::BTreeMap<String, usize> =
        seconds.map(|fact| fact["attempts"][0]["error"].to_string()).fold(Default::default(), |mut counts, error| {
            *counts.entry(error).or_default() += 1;
            counts
        });
    eprintln!("first attempts of those: {errors:?}");
    assert!(late.len() > 100 && twice * 100 <= late.len(), "{twice} of {} tasks saw a second attempt", late.len());

    stack.simulate(&favourite, json!({})).await;
    let back = || async { models(&one(&stack).await) == [favourite.as_str()] };
    wait_until("the model has its traffic back", Duration::from_secs(60), back).await;
}
