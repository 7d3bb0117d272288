//! Redis forgets, and the ledger knows better.

use crate::{
    budget::{open, read, scope},
    samples::{manifest, submitted, time, usd},
    world::{PATIENCE, World},
};
use neptune_contracts::{PicoUsd, finished::Outcome, resource::Manifest};
use neptune_governance::{
    budget::Reserved,
    domain::{
        budget::Counts,
        settle::{Settlement, Stored},
    },
};
use neptune_testkit::{Redis, wait_until};
use serde_json::json;

const STORED: &str = "2026-11-23T12:00:00Z";

fn budget(team: &str, limit_usd: &str, on_outage: &str) -> Manifest {
    manifest("Budget", team, json!({"team": team, "limitUsd": limit_usd, "period": "month", "onOutage": on_outage}))
}

async fn flush(redis: &Redis) {
    let mut connection = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
}

/// Submits a task that must be refused; returns the code.
async fn refused(world: &World, team: &str) -> String {
    let task = submitted(team, "hello");
    world.ask(&task).await;
    let fact = world.finished(team, task.id.unwrap()).await;
    assert_eq!(fact.outcome, Outcome::Rejected);
    fact.error.unwrap().code
}

#[tokio::test]
async fn what_a_flushed_redis_forgot_is_refused_until_the_ledger_has_told() {
    let mut world = World::start(&[budget("support", "0.5", "deny")]).await;
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    world.finish(&admitted, usd("0.4")).await;
    world.budget_stands_at("support", usd("0.4"), usd("0")).await;
    assert_eq!(refused(&world, "support").await, "budget_exceeded");
    world.metering.answers(false);
    flush(&world.redis).await;
    assert_eq!(refused(&world, "support").await, "budget_unavailable");
    assert_eq!(world.budget("support").await, None, "and nothing is shown that is not known");
    world.metering.answers(true);
    world.budget_stands_at("support", usd("0.4"), usd("0")).await;
    assert_eq!(refused(&world, "support").await, "budget_exceeded");
    world.stop().await;
}

#[tokio::test]
async fn a_ledger_that_lags_behind_is_not_believed() {
    let mut world = World::start(&[budget("support", "0.5", "deny")]).await;
    world.metering.lags(true);
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    world.finish(&admitted, usd("0.4")).await;
    world.budget_stands_at("support", usd("0.4"), usd("0")).await;
    flush(&world.redis).await;
    assert_eq!(refused(&world, "support").await, "budget_unavailable");
    world.metering.lags(false);
    world.budget_stands_at("support", usd("0.4"), usd("0")).await;
    assert_eq!(refused(&world, "support").await, "budget_exceeded");
    world.stop().await;
}

#[tokio::test]
async fn a_task_waits_for_a_ledger_that_answers_soon() {
    let mut world = World::start(&[budget("support", "5", "deny")]).await;
    for _ in 0..5 {
        world.submit(&submitted("support", "hello")).await;
        let admitted = world.admitted().await;
        assert!(admitted.message.admission.hold.is_some());
        world.finish(&admitted, usd("0.1")).await;
        world.all_accepts_are_settled().await;
        flush(&world.redis).await;
    }
    world.budget_stands_at("support", usd("0.5"), usd("0")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_lenient_budget_lets_tasks_go_on_and_counts_each_once() {
    let mut world = World::start(&[budget("support", "5", "allow")]).await;
    world.metering.spend("support", usd("1"));
    world.metering.spend("legal", usd("7"));
    world.metering.answers(false);
    flush(&world.redis).await;
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    assert_eq!(admitted.message.admission.hold, None);
    world.finish(&admitted, usd("0.03")).await;
    world.all_accepts_are_settled().await;
    world.metering.answers(true);
    world.budget_stands_at("support", usd("1.03"), usd("0")).await;
    world.submit(&submitted("support", "hello")).await;
    let admitted = world.admitted().await;
    assert!(admitted.message.admission.hold.is_some());
    world.finish(&admitted, usd("0.02")).await;
    world.budget_stands_at("support", usd("1.05"), usd("0")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_new_budget_starts_with_what_was_spent_and_is_asked_for_once() {
    let world = World::start(&[]).await;
    world.metering.spend("support", usd("2"));
    world.metering.spend("legal", usd("3"));
    assert_eq!(world.metering.asked(), 0, "without budgets nobody has to be asked");
    world.bus.put_resource(&budget("support", "10", "deny")).await.unwrap();
    world.budget_stands_at("support", usd("2"), usd("0")).await;
    world.bus.put_resource(&manifest("Budget", "all", json!({"limitUsd": "10", "period": "day"}))).await.unwrap();
    world.budget_stands_at("guests", usd("5"), usd("0")).await;
    let asked = world.metering.asked();
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(world.metering.asked(), asked, "what is complete is not asked for again");
    world.stop().await;
}

#[tokio::test]
async fn under_load_a_flush_loses_no_cost() {
    let mut world = World::start(&[budget("support", "100", "allow")]).await;
    let (tasks, cost) = (300, usd("0.001"));
    for task in 0..tasks {
        world.submit(&submitted("support", "hello")).await;
        let admitted = world.admitted().await;
        if task % 75 == 40 {
            flush(&world.redis).await;
        }
        world.finish(&admitted, cost).await;
    }
    world.all_accepts_are_settled().await;
    let total = PicoUsd(cost.0 * tasks);
    let counted = async || world.budget("support").await.is_some_and(|budget| budget.spent_usd >= total);
    wait_until("every cost is counted", PATIENCE, counted).await;
    let spent = world.budget("support").await.unwrap().spent_usd;
    // What metering takes in while a sum is read may be counted twice; a flush costs few tasks that way.
    assert!(spent.0 <= total.0 + 30 * cost.0, "{spent} of {total}");
    println!("counted {spent} of {total}");
    world.stop().await;
}

#[tokio::test]
async fn without_the_mark_nothing_is_held() {
    let redis = Redis::start().await;
    let budgets = open(&redis, "a");
    let scopes = [scope("known", 100), scope("lost", 100)];
    assert!(budgets.fill("known", PicoUsd(1), 0, time(STORED)).await.unwrap());
    let reserve = async || budgets.reserve("h", PicoUsd(5), time(STORED), &scopes).await.unwrap();
    assert_eq!(reserve().await, Reserved::Incomplete);
    assert_eq!(budgets.are_complete(["known", "lost"]).await.unwrap(), [true, false]);
    let untouched = Counts { spent: PicoUsd(1), held: PicoUsd(0) };
    assert_eq!(read(&budgets, &scopes[..1]).await, [untouched]);
    assert!(budgets.fill("lost", PicoUsd(96), 0, time(STORED)).await.unwrap());
    let counts = Counts { spent: PicoUsd(96), held: PicoUsd(0) };
    assert_eq!(reserve().await, Reserved::Exceeded { index: 1, counts });
    // Another replica that asked at the same time changes nothing.
    assert!(!budgets.fill("lost", PicoUsd(3), 9, time(STORED)).await.unwrap());
    assert_eq!(reserve().await, Reserved::Exceeded { index: 1, counts });
}

#[tokio::test]
async fn counters_of_an_earlier_version_keep_what_is_held_and_take_the_ledgers_sum() {
    let redis = Redis::start().await;
    let mut connection = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let (key, fields) = ("{a}:budget:day", [("spent", 5), ("held", 3)]);
    let () = redis::cmd("HSET").arg(key).arg(&fields).query_async(&mut connection).await.unwrap();
    let (budgets, scopes) = (open(&redis, "a"), [scope("day", 100)]);
    assert_eq!(budgets.read(&scopes).await.unwrap(), None);
    assert!(budgets.fill("day", PicoUsd(7), 0, time(STORED)).await.unwrap());
    assert_eq!(read(&budgets, &scopes).await, [Counts { spent: PicoUsd(7), held: PicoUsd(3) }]);
}

#[tokio::test]
async fn what_the_ledgers_sum_has_is_not_counted_again() {
    let redis = Redis::start().await;
    let budgets = open(&redis, "a");
    let scopes = [scope("day", 1_000)];
    let settle = async |hold: &str, cost: i64, sequence: u64, at: &str| {
        let stored = Stored { sequence, at: time(at) };
        let settlement = Settlement { hold: hold.into(), cost: PicoUsd(cost), scopes: vec!["day".into()], stored };
        budgets.settle(&settlement).await.unwrap()
    };
    // Before the sum is known: the facts up to 5 will be in it.
    assert!(settle("early", 1, 5, STORED).await);
    assert!(settle("ahead", 2, 6, STORED).await);
    assert!(!settle("ahead", 2, 6, STORED).await);
    assert!(budgets.fill("day", PicoUsd(100), 5, time(STORED)).await.unwrap());
    let spent = async || read(&budgets, &scopes).await[0].spent.0;
    assert_eq!(spent().await, 102);
    // After it: one whose mark was lost, one that is new, and one of a stream that began anew.
    assert!(settle("again", 4, 3, STORED).await);
    assert_eq!(spent().await, 102);
    assert!(settle("new", 8, 7, STORED).await);
    assert_eq!(spent().await, 110);
    assert!(settle("other stream", 16, 1, "2026-11-23T12:30:00Z").await);
    assert_eq!(spent().await, 126);
}
