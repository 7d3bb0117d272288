//! A model that fails loses its traffic by itself, and gets it back.

use crate::support::{SOON, World, two_models};
use neptune_contracts::{
    attempt::{Attempt, AttemptError, ErrorClass},
    resource::ModelSpec,
};
use neptune_router::domain::circuit::{FAILURES_TO_OPEN, State};
use neptune_testkit::{builders, wait_until};
use std::time::{Duration, Instant};

async fn fail_until_open(world: &World) {
    for _ in 0..FAILURES_TO_OPEN {
        world.fail(builders::failed("a/first", ErrorClass::Overload)).await;
    }
    wait_until("traffic goes elsewhere", SOON, async || world.favourite().await == "b/second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_move_the_traffic_of_every_replica() {
    let world = World::start(&two_models()).await;
    world.start_router().await;
    assert_eq!(world.favourite().await, "a/first");
    fail_until_open(&world).await;
    for _ in 0..20 {
        assert_eq!(world.favourite().await, "b/second");
    }
    let open = async || {
        let now_ms = neptune_contracts::Timestamp::now().unix_micros() / 1_000;
        let statistics = world.store().read(now_ms).await.unwrap();
        statistics.models.get("a/first").is_some_and(|model| matches!(model.circuit.state(now_ms), State::Open { .. }))
    };
    wait_until("the circuit is open for replicas to come", SOON, open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_move_the_traffic_while_redis_is_away() {
    let mut world = World::start(&two_models()).await;
    world.redis.kill().await;
    fail_until_open(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_starts_later_knows_of_the_circuit() {
    let world = World::without_router(&two_models()).await;
    let error = AttemptError {
        class: ErrorClass::RateLimit,
        message: "slow down".into(),
        http_status: Some(429),
        retry_after_ms: Some(600_000),
    };
    world.fail(Attempt { error: Some(error), ..builders::failed("a/first", ErrorClass::RateLimit) }).await;
    world.start_router().await;
    wait_until("traffic goes elsewhere", SOON, async || world.favourite().await == "b/second").await;
    let plan = world.ask("What is a router?").await.routed.plan;
    let removed = &plan.explanation.removed[0];
    assert_eq!((removed.model.as_str(), removed.by.as_str()), ("a/first", "circuit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_answers_again_gets_its_traffic_back() {
    let world = World::start(&two_models()).await;
    fail_until_open(&world).await;
    let opened = Instant::now();
    // The pause is five seconds; then a share of the tasks tries the model.
    wait_until("it is tried again", Duration::from_secs(20), async || {
        let arrived = world.ask("What is a router?").await;
        let is_tried = arrived.first() == "a/first";
        if is_tried {
            world
                .finish(
                    arrived,
                    vec![Attempt {
                        started_at: neptune_contracts::Timestamp::now(),
                        latency_us: 1_000,
                        ..builders::answered("a/first")
                    }],
                )
                .await;
        }
        is_tried
    })
    .await;
    assert!(opened.elapsed() > Duration::from_secs(3), "it was tried during its pause");
    wait_until("it has all of its traffic", SOON, async || {
        let mut all = true;
        for _ in 0..20 {
            all &= world.favourite().await == "a/first";
        }
        all
    })
    .await;
    assert!(opened.elapsed() < Duration::from_secs(15), "it recovered only by time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_takes_its_models_out_for_every_replica() {
    let [(first, a), (second, b)] = two_models();
    let third = ModelSpec { endpoint: "http://127.0.0.1:7/v1".into(), ..builders::model(0.5, "1") };
    let keyed = |model: ModelSpec| ModelSpec {
        endpoint: "http://127.0.0.1:9/v1".into(),
        credential_env: Some("ONE_KEY".into()),
        ..model
    };
    let world = World::start(&[(first, keyed(a)), (second, keyed(b)), ("c/third", third)]).await;
    world.start_router().await;
    assert_eq!(world.favourite().await, first);
    world.fail(builders::failed(first, ErrorClass::Auth)).await;
    let all_elsewhere = async || {
        for _ in 0..20 {
            if world.favourite().await != "c/third" {
                return false;
            }
        }
        true
    };
    wait_until("all goes to the model with another key", SOON, all_elsewhere).await;
    let removed = world.ask("What is a router?").await.routed.plan.explanation.removed;
    assert!(removed[1].reason.starts_with("its credential failed for a/first (auth)"), "{removed:?}");
}
