//! What providers say about their rate limits moves the traffic of every replica.

use crate::support::{SOON, World, two_models};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    limits::{RateLimits, RateWindow},
};
use neptune_testkit::{builders, wait_until};

fn spent(for_ms: i64) -> Option<Box<RateLimits>> {
    let requests = RateWindow { limit: Some(5), remaining: 0, resets_at: Timestamp::now().plus_millis(for_ms) };
    Some(Box::new(RateLimits { requests: Some(requests), ..RateLimits::default() }))
}

/// Whether all of many tasks, which both replicas share, go to `model` first.
async fn all_go_to(world: &World, model: &str) -> bool {
    for _ in 0..20 {
        if world.favourite().await != model {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_answer_of_a_window_sends_every_replica_elsewhere_until_the_reset() {
    let world = World::start(&two_models()).await;
    world.start_router().await;
    let arrived = world.ask("What is a router?").await;
    assert_eq!(arrived.first(), "a/first");
    // Told of in a finished fact, which only one of the replicas reads.
    world.answer(arrived, Attempt { limits: spent(4_000), ..builders::answered("a/first") }).await;
    wait_until("everything goes elsewhere", SOON, async || all_go_to(&world, "b/second").await).await;
    let removed = world.ask("What is a router?").await.routed.plan.explanation.removed;
    assert_eq!((removed[0].model.as_str(), removed[0].by.as_str()), ("a/first", "rate"));
    assert!(removed[0].reason.contains("0 of 5 requests left until 20"), "{removed:?}");
    wait_until("the reset brings it back", SOON, async || all_go_to(&world, "a/first").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_tells_of_limits_too_even_when_it_is_the_tasks_own_and_redis_is_away() {
    let mut world = World::start(&two_models()).await;
    world.redis.kill().await;
    let refused = builders::failed("a/first", ErrorClass::ContextLength);
    world.fail(Attempt { limits: spent(60_000), ..refused }).await;
    wait_until("everything goes elsewhere", SOON, async || all_go_to(&world, "b/second").await).await;
}
