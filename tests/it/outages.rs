//! The broker, Redis and Postgres go away and come back.

use crate::support::{ask, facts, ledger_agrees, run, submit};
use neptune_contracts::{PicoUsd, finished::TaskError};
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restart_under_load_loses_nothing() {
    let mut stack = Stack::start().await;
    let mut ids = Vec::new();
    for number in 0..150 {
        if number == 50 || number == 100 {
            stack.nats.kill().await;
            stack.nats.restart().await;
        }
        ids.push(submit(&stack, &format!("question {number}?")).await);
    }
    let facts = facts(&stack, &ids, Duration::from_secs(90)).await;
    ledger_agrees(&stack, &facts, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_tasks_go_on_and_are_settled_later() {
    let mut stack = Stack::start().await;
    run(&stack, ask("warm up")).await;
    stack.redis.kill().await;
    for number in 0..20 {
        let fact = run(&stack, ask(&format!("question {number}?"))).await;
        assert_eq!(fact["outcome"], "completed", "{fact}");
    }
    stack.redis.restart().await;
    let team = "support".parse().unwrap();
    let settled = || async {
        let query = neptune_contracts::query::BudgetQuery { team: std::clone::Clone::clone(&team) };
        stack.bus.request(&query).await.is_ok_and(|report| report.budgets.iter().any(|budget| budget.spent_usd.0 > 0))
    };
    neptune_testkit::wait_until("what was spent meanwhile is counted", Duration::from_secs(30), settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_tasks_go_on_and_the_ledger_catches_up() {
    let mut stack = Stack::start().await;
    let mut ids = Vec::new();
    stack.postgres.kill().await;
    let outage = tokio::time::Instant::now();
    while outage.elapsed() < Duration::from_secs(20) {
        ids.push(submit(&stack, &format!("question {}?", ids.len())).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let known = facts(&stack, &ids, Duration::from_secs(30)).await;
    stack.postgres.restart().await;
    ledger_agrees(&stack, &known, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_everything_does_not_make_anybody_rich() {
    let mut stack = Stack::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(submit(&stack, &format!("question {number}?")).await);
    }
    let known = facts(&stack, &ids, Duration::from_secs(60)).await;
    let total: PicoUsd = known.iter().map(|fact| fact.cost_usd).sum();
    assert!(total > PicoUsd::ZERO);
    let limit = json!({"team": "support", "limitUsd": total, "period": "day"});
    stack.apply(&[manifest("Budget", "support-daily", limit)]).await;
    neptune_testkit::wait_until("a new budget knows what was spent", Duration::from_secs(20), async || {
        shown_spend(&stack, "support-daily").await == Some(total)
    })
    .await;
    assert_eq!(refusal(&stack).await.code, "budget_exceeded");

    stack.redis.kill().await;
    stack.redis.restart().await;
    let error = refusal(&stack).await;
    assert!(["budget_unavailable", "budget_exceeded"].contains(&error.code.as_str()), "{}", error.code);
    let limit = Duration::from_secs(20);
    for budget in ["support-daily", "support-monthly"] {
        let knows = async || shown_spend(&stack, budget).await == Some(total);
        neptune_testkit::wait_until(&format!("{budget} knows what was spent"), limit, knows).await;
    }
    let error = refusal(&stack).await;
    assert_eq!(error.code, "budget_exceeded", "{}", error.message);
}

/// Why another task of team `support` is refused.
async fn refusal(stack: &Stack) -> TaskError {
    let id = submit(stack, "one more?").await;
    let facts = facts(stack, &[id], Duration::from_secs(30)).await;
    assert_eq!(facts[0].cost_usd, PicoUsd::ZERO);
    facts[0].error.clone().expect("it is refused")
}

/// What `neptune budget` shows as spent; nothing while it cannot tell.
async fn shown_spend(stack: &Stack, budget: &str) -> Option<PicoUsd> {
    let output = stack.neptune(&["budget", "support", "--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).ok()?;
    let found = report["budgets"].as_array()?.iter().find(|view| view["name"] == budget)?;
    serde_json::from_value(found["spent_usd"].clone()).ok()
}
