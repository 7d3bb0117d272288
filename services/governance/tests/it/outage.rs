//! What holds while Redis is away.

use crate::{
    samples::{manifest, submitted, usd},
    world::{PATIENCE, World},
};
use neptune_contracts::{finished::Outcome, query::BudgetQuery, resource::Manifest};
use neptune_testkit::{Redis, wait_until};
use serde_json::json;

fn budget(team: &str, on_outage: &str) -> Manifest {
    manifest("Budget", team, json!({"team": team, "limitUsd": "5", "period": "month", "onOutage": on_outage}))
}

async fn dead_redis() -> Redis {
    let mut redis = Redis::start().await;
    redis.kill().await;
    redis
}

#[tokio::test]
async fn governance_starts_and_works_without_redis() {
    let mut world = World::start_with(dead_redis().await, &[budget("support", "deny")]).await;
    // A team without a budget needs none.
    let free = submitted("legal", "hello");
    world.submit(&free).await;
    assert_eq!(Some(world.admitted().await.message.task.id), free.id);
    // A budget that must hold refuses whoever waits, and says when to come again.
    let strict = submitted("support", "hello");
    world.ask(&strict).await;
    let fact = world.finished("support", strict.id.unwrap()).await;
    let error = fact.error.unwrap();
    assert_eq!(
        (fact.outcome, error.code.as_str(), error.retry_after_ms),
        (Outcome::Rejected, "budget_unavailable", Some(2_000))
    );
    world.bus.request(&BudgetQuery { team: "support".parse().unwrap() }).await.unwrap_err();
    // When Redis is there, so is the budget.
    world.redis.restart().await;
    wait_until("the budget can be read", PATIENCE, async || world.budget("support").await.is_some()).await;
    world.submit(&submitted("support", "hello")).await;
    assert!(world.admitted().await.message.admission.hold.is_some());
    world.stop().await;
}

#[tokio::test]
async fn a_task_that_nobody_waits_for_waits_itself_until_its_budget_can_be_read() {
    let mut world = World::start_with(dead_redis().await, &[budget("support", "deny")]).await;
    let patient = submitted("support", "hello");
    world.submit(&patient).await;
    // One that is refused after it: the first was looked at by then.
    let asked = submitted("support", "hello");
    world.ask(&asked).await;
    assert_eq!(world.finished("support", asked.id.unwrap()).await.outcome, Outcome::Rejected);
    let team = "support".parse().unwrap();
    assert!(world.bus.result(&team, patient.id.unwrap()).await.unwrap().is_none());
    world.redis.restart().await;
    let admitted = world.admitted().await;
    assert_eq!(Some(admitted.message.task.id), patient.id);
    assert!(admitted.message.admission.hold.is_some());
    world.stop().await;
}

#[tokio::test]
async fn a_lenient_budget_lets_tasks_go_on_and_counts_them_later() {
    let mut world = World::start_with(dead_redis().await, &[budget("support", "allow")]).await;
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    assert_eq!(admitted.message.admission.hold, None);
    // It also ends while Redis is away; its cost is not lost.
    world.finish(&admitted, usd("0.03")).await;
    world.all_accepts_are_settled().await;
    world.redis.restart().await;
    world.budget_stands_at("support", usd("0.03"), usd("0")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_redis_that_forgot_everything_still_counts_each_cost_once() {
    let mut world = World::start(&[budget("support", "deny")]).await;
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    world.budget_stands_at("support", usd("0"), usd("0.4096")).await;
    world.redis.restart().await;
    world.finish(&admitted, usd("0.03")).await;
    world.budget_stands_at("support", usd("0.03"), usd("0")).await;
    world.stop().await;
}
