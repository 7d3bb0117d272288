//! The broker, Redis and Postgres go away and come back.

use crate::support::{ask, facts, ledger_agrees, run, submit};
use neptune_tests::stack::Stack;
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
