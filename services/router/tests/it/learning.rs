//! Finished tasks teach the router, once each.

use crate::support::{SOON, World, two_models};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass, Usage},
};
use neptune_router::domain::statistics::Statistics;
use neptune_testkit::{builders, wait_until};

async fn statistics(world: &World) -> Statistics {
    world.store().read(Timestamp::now().unix_micros() / 1_000).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_finished_tasks_are_counted() {
    let world = World::start(&two_models()).await;
    let failed = builders::failed("a/first", ErrorClass::Timeout);
    // The failure is told at once and again with the finished task; it counts once.
    world.fail(failed.clone()).await;
    for _ in 0..3 {
        let arrived = world.ask("What is a router?").await;
        world.finish(arrived, vec![failed.clone(), builders::answered("b/second")]).await;
    }
    let learnt = async || statistics(&world).await.models.get("b/second").is_some_and(|model| model.successes > 2.9);
    wait_until("three answers are counted", SOON, learnt).await;
    let learnt = statistics(&world).await;
    let first = &learnt.models["a/first"];
    assert!((0.9..=1.0).contains(&first.failures) && first.successes == 0.0, "{first:?}");
    let means = learnt.models["b/second"].by_type.values().next().unwrap();
    assert_eq!((means.answers, means.latency_ms, means.output_tokens), (3.0, 500.0, 100.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learnt_changes_the_plan() {
    let world = World::start(&two_models()).await;
    assert_eq!(world.favourite().await, "a/first");
    // The favourite turns out to talk without end.
    for _ in 0..20 {
        let arrived = world.ask("What is a router?").await;
        let usage = Usage { output: 16_000, ..Usage::default() };
        world.finish(arrived, vec![Attempt { usage, ..builders::answered("a/first") }]).await;
    }
    wait_until("the other one is chosen", SOON, async || world.favourite().await == "b/second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_redis_was_away_is_learnt_later() {
    let mut world = World::start(&two_models()).await;
    world.redis.kill().await;
    let arrived = world.ask("What is a router?").await;
    world.finish(arrived, vec![builders::answered("a/first")]).await;
    world.ask("Still there?").await;
    world.redis.restart().await;
    let learnt = async || {
        let read = world.store().read(0).await;
        read.is_ok_and(|statistics| statistics.models.contains_key("a/first"))
    };
    wait_until("the answer is counted", SOON * 2, learnt).await;
}
