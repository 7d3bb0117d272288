//! Sessions that stay with their model, over several replicas.

use crate::support::{SOON, World, manifest, submitted, two_models};
use neptune_contracts::{plan::Kept, task::TaskSubmitted};
use neptune_router::{
    sessions::{Sessions, Visit, exchange},
    statistics::Store,
};
use neptune_testkit::{Redis, builders, wait_until};

fn visit(lot: u128, model: &str, at_ms: i64) -> Visit {
    Visit { lot, model: model.into(), at_ms }
}

#[tokio::test]
async fn every_replica_knows_where_a_session_was_last() {
    let redis = Redis::start().await;
    let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap();
    let (one, other, (mut read_by_one, mut read_by_other)) = (Sessions::default(), Sessions::default(), (None, None));
    one.visit(visit(u128::MAX, "a/first", 1_000));
    exchange(&one, &store, &mut read_by_one).await.unwrap();
    exchange(&other, &store, &mut read_by_other).await.unwrap();
    assert_eq!(other.held(u128::MAX, 1_500).unwrap(), ("a/first".into(), 500));
    other.visit(visit(u128::MAX, "b/second", 2_000));
    exchange(&other, &store, &mut read_by_other).await.unwrap();
    exchange(&one, &store, &mut read_by_one).await.unwrap();
    assert_eq!(one.held(u128::MAX, 2_500).unwrap(), ("b/second".into(), 500));
    // A Redis that lost it all takes up again where it is.
    redis::cmd("FLUSHALL").query_async::<()>(&mut store.connection()).await.unwrap();
    one.visit(visit(7, "a/first", 3_000));
    exchange(&one, &store, &mut read_by_one).await.unwrap();
    exchange(&other, &store, &mut read_by_other).await.unwrap();
    assert_eq!(other.held(7, 3_000).unwrap(), ("a/first".into(), 0));
}

fn of_session() -> TaskSubmitted {
    let mut task = submitted("What is a router?");
    task.metadata.insert("session".into(), "s1".into());
    task
}

async fn kept(world: &World) -> (String, Option<Kept>) {
    let arrived = world.follow(&of_session()).await;
    let learning = arrived.routed.plan.explanation.learning.clone().unwrap();
    (arrived.first().to_owned(), learning.kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stays_with_its_model_whichever_replica_has_its_next_task() {
    let world = World::start(&two_models()).await;
    world.start_router().await;
    assert_eq!(kept(&world).await, ("a/first".into(), None));
    // One after the other, so that each replica has some of them.
    let all_know = async || {
        for _ in 0..20 {
            if kept(&world).await.1.is_none() {
                return false;
            }
        }
        true
    };
    wait_until("both replicas know the session", SOON, all_know).await;
    // From now on the other one is worth a little more: a right answer in a hundred.
    world.executor.put_resource(&manifest("Model", "b/second", &builders::model(0.91, "1"))).await.unwrap();
    wait_until("new tasks go to the other one", SOON, async || world.favourite().await == "b/second").await;
    let mut known = 0;
    for _ in 0..20 {
        let (model, kept) = kept(&world).await;
        assert_eq!(model, "a/first");
        known += usize::from(kept.is_some_and(|kept| kept.behind_usd > 0.0));
    }
    assert_eq!(known, 20, "and it says that another one would be better");
    // Worth much more than a change costs.
    world.executor.put_resource(&manifest("Model", "b/second", &builders::model(0.99, "1"))).await.unwrap();
    wait_until("the session changes too", SOON, async || kept(&world).await.0 == "b/second").await;
}
