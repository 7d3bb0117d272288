//! A model starts to fail under load: its traffic goes elsewhere by itself, and comes back when it
//! answers again.

use crate::support::ask;
use futures::{StreamExt as _, stream::FuturesUnordered};
use neptune_testkit::wait_until;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Between two tasks: 100 a second, half of what an optimised build is asked for.
const EVERY: Duration = Duration::from_millis(10);
/// When the model begins to fail.
const FAILS_AT: Duration = Duration::from_secs(2);
/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(8);
/// Within this time everybody knows.
const GRACE: Duration = Duration::from_secs(1);

fn body() -> Value {
    let mut body = ask("Classify this ticket as one of the following: bug, billing");
    body["constraints"] = json!({"route": "auto:best"});
    body
}

/// A task's fact, whenever it was submitted.
async fn one(stack: &Stack, begun: Instant) -> (Duration, Value) {
    let at = begun.elapsed();
    let answer = stack.post("/v1/tasks?wait=60").json(&body()).send().await.unwrap();
    (at, answer.json().await.unwrap())
}

fn models(fact: &Value) -> Vec<&str> {
    let attempts = fact["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["model"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_begins_to_fail_loses_its_traffic_within_a_second_and_gets_it_back() {
    let stack = Stack::start().await;
    let (_, usual) = one(&stack, Instant::now()).await;
    let favourite = models(&usual)[0].to_owned();
    let begun = Instant::now();
    let breaking = async {
        tokio::time::sleep(FAILS_AT).await;
        stack.simulate(&favourite, json!({"faults": {"serverError": 1.0}})).await;
        begun.elapsed()
    };
    let loading = async {
        let (mut ticks, mut tasks, mut facts) = (tokio::time::interval(EVERY), FuturesUnordered::new(), Vec::new());
        while begun.elapsed() < LOAD {
            tokio::select! {
                _ = ticks.tick() => tasks.push(one(&stack, begun)),
                Some(fact) = tasks.next() => facts.push(fact),
            }
        }
        while let Some(fact) = tasks.next().await {
            facts.push(fact);
        }
        facts
    };
    let (broken_at, facts) = tokio::join!(breaking, loading);
    let failed = facts.iter().filter(|(_, fact)| fact["outcome"] != "completed").count();
    assert_eq!(failed, 0, "the outage is invisible to callers");
    let late: Vec<&Value> = facts.iter().filter(|(at, _)| *at > broken_at + GRACE).map(|(_, fact)| fact).collect();
    let twice = late.iter().filter(|fact| models(fact).len() > 1).count();
    eprintln!(
        "{} tasks, {} of them after the first second of the outage: {twice} saw a second attempt",
        facts.len(),
        late.len()
    );
    assert!(late.len() > 200 && twice * 100 <= late.len(), "{twice} of {} tasks saw a second attempt", late.len());

    stack.simulate(&favourite, json!({})).await;
    let back = || async { models(&one(&stack, begun).await.1) == [favourite.as_str()] };
    wait_until("the model has its traffic back", Duration::from_secs(60), back).await;
}
