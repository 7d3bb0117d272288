//! No model has room: tasks wait for it instead of failing, whoever is killed meanwhile.

use crate::support::{SOON, ask, facts, ledger_agrees, run, submit};
use neptune_contracts::{Timestamp, finished::Outcome, query::BudgetQuery};
use neptune_testkit::wait_until;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "openai/gpt-4.1-mini";
const OTHERS: [&str; 3] = ["openai/gpt-4.1", "anthropic/claude-haiku-4.5", "meta/llama-3.3-70b"];

/// A task that only one model may do.
fn only(text: &str) -> Value {
    let mut body = ask(text);
    body["constraints"] = json!({"models": [MODEL]});
    body
}

fn calls(account: &Value, model: &str) -> u64 {
    account["models"][model]["calls"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_the_reset_that_an_answer_told_of() {
    let stack = Stack::start().await;
    stack.simulate(MODEL, json!({"limits": {"requests": 1, "windowMs": 6000}})).await;
    let first = run(&stack, only("What is a pump?")).await;
    assert_eq!(first["attempts"][0]["limits"]["requests"]["remaining"], 0, "{first}");
    let asked = Timestamp::now();
    // The router may not have heard of it yet; then the provider refuses, and that is waited for too.
    let second = run(&stack, only("What is a valve?")).await;
    assert_eq!(
        (second["outcome"].as_str(), second["parked"]["times"].as_u64()),
        (Some("completed"), Some(1)),
        "{second}"
    );
    assert!(second["parked"]["total_ms"].as_u64().unwrap() > 1_000, "{second}");
    assert!(Timestamp::now().micros_since(asked) > 1_000_000);
    let id = second["id"].as_str().unwrap();
    let told = async || {
        let told = stack.neptune(&["explain", id]).await;
        String::from_utf8(told.stdout).unwrap().contains("for a model with room, in 1 wait")
    };
    wait_until("the operator is told", SOON, told).await;
    let spent = async || {
        let report = stack.bus.request(&BudgetQuery { team: "support".parse().unwrap() }).await.unwrap();
        report.budgets.iter().all(|budget| budget.held_usd.0 == 0 && budget.spent_usd.0 > 0)
    };
    wait_until("nothing is held for it any more", SOON, spent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_is_made_again_when_the_provider_said_and_both_are_in_the_fact() {
    let stack = Stack::start().await;
    let limited = json!({"failNext": 1, "failWith": "rateLimit", "faults": {"retryAfterMs": 2000}});
    stack.simulate(MODEL, limited).await;
    let fact = run(&stack, only("What is a pump?")).await;
    let classes: Vec<&Value> =
        fact["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["error"]["class"]).collect();
    assert_eq!((fact["outcome"].as_str(), classes.len()), (Some("completed"), 2), "{fact}");
    assert_eq!((classes[0], classes[1]), (&json!("rate_limit"), &Value::Null));
    let parked = &fact["parked"];
    assert_eq!(parked["times"], 1, "{fact}");
    assert!(parked["because"].as_str().unwrap().contains(MODEL), "{fact}");
    let id = serde_json::from_value(fact["id"].clone()).unwrap();
    ledger_agrees(&stack, &facts(&stack, &[id], SOON).await, SOON).await;
    assert_eq!(calls(&stack.account().await, MODEL), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gets_its_word_in_time_and_a_deadline_that_is_too_near_ends_the_task() {
    let stack = Stack::start().await;
    stack.simulate(MODEL, json!({"failNext": 1, "failWith": "rateLimit", "faults": {"retryAfterMs": 9000}})).await;
    // Who waits for less is told that the task goes on.
    let answer = stack.post("/v1/tasks?wait=2").json(&only("What is a pump?")).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let accepted: Value = answer.json().await.unwrap();
    // The circuit is open for the rest of the nine seconds, and this one has four.
    let mut hurried = only("What is a valve?");
    hurried["constraints"]["deadline"] = json!(Timestamp::now().plus_millis(4_000));
    let fact = run(&stack, hurried).await;
    assert_eq!(
        (fact["outcome"].as_str(), fact["error"]["code"].as_str()),
        (Some("no_route"), Some("no_capacity")),
        "{fact}"
    );
    assert!(fact["error"]["message"].as_str().unwrap().contains("because its deadline is 20"), "{fact}");
    assert!(fact["error"]["retry_after_ms"].as_u64().unwrap() > 2_000);
    let completion = json!({"model": MODEL, "messages": [{"role": "user", "content": "?"}]});
    let answer = stack.post("/v1/chat/completions").header("x-neptune-deadline-ms", "2000").json(&completion);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 2);
    let id = serde_json::from_value(accepted["id"].clone()).unwrap();
    let facts = facts(&stack, &[id], SOON).await;
    assert_eq!((facts[0].outcome, facts[0].parked.as_ref().unwrap().times), (Outcome::Completed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_waiting_task_ends_once_whoever_is_killed() {
    let mut stack = Stack::start().await;
    // Eight calls in three seconds, in all, so that most tasks wait, many of them more than once.
    stack.simulate(MODEL, json!({"limits": {"requests": 8, "windowMs": 3000}, "latency": {"fixedMs": 20}})).await;
    for model in OTHERS {
        stack.simulate(model, json!({"limits": {"requests": 0, "windowMs": 3000}})).await;
    }
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(submit(&stack, &format!("What is pump number {number}?")).await);
    }
    for service in ["router", "executor", "governance", "metering"] {
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        stack.kill(service);
        stack.restart(service);
    }
    stack.nats.kill().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.nats.restart().await;
    let facts = facts(&stack, &ids, Duration::from_secs(150)).await;
    let unfinished: Vec<_> = facts.iter().filter(|fact| fact.outcome != Outcome::Completed).collect();
    assert!(unfinished.is_empty(), "{} did not complete: {:?}", unfinished.len(), unfinished[0].error);
    let waits: u32 = facts.iter().filter_map(|fact| Some(fact.parked.as_ref()?.times)).sum();
    let waited = facts.iter().filter(|fact| fact.parked.is_some()).count();
    let answered: u64 =
        facts.iter().map(|fact| fact.attempts.iter().filter(|attempt| attempt.succeeded()).count() as u64).sum();
    let successes = stack.account().await["total"]["successes"].as_u64().unwrap();
    eprintln!(
        "{} tasks, {waited} of them waited, {waits} times in all; {successes} answers for {answered} tasks",
        ids.len()
    );
    assert!(waited >= 20, "only {waited} waited");
    assert_eq!(answered, ids.len() as u64);
    assert!(successes <= answered + 8, "a kill costs at most the calls that were under way: {successes}");
    ledger_agrees(&stack, &facts, Duration::from_secs(60)).await;
    let timers = || async { stack.nats.stream_messages("NEPTUNE_TIMERS").await == 0 };
    wait_until("no timer is left", SOON, timers).await;
}
