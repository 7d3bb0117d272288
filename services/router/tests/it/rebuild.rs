//! Redis loses what was learnt, and gets it back from the facts.

use crate::{
    signals::checked,
    support::{SOON, World, submitted, two_models},
};
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
};
use neptune_router::{
    domain::quality::{Cell, Cells},
    rebuild::{Error, rebuild},
    statistics::Store,
};
use neptune_testkit::{builders, wait_until};

async fn say(world: &World, task: TaskId, score: f64) {
    let feedback = FeedbackGiven {
        id: FeedbackId::mint(),
        team: Some("support".parse().unwrap()),
        task,
        score,
        by: FeedbackBy::Person,
        given_at: Timestamp::now(),
    };
    world.client().await.publish(&feedback, &Cause::root()).await.unwrap();
}

async fn cells(store: &Store) -> Cells {
    store.read_cells(None).await.unwrap().unwrap().1
}

async fn flush(store: &Store) {
    redis::cmd("FLUSHALL").query_async::<()>(&mut store.connection()).await.unwrap();
}

fn mass(cells: &Cells) -> f64 {
    cells.get("*").map_or(0.0, |models| models.values().map(|cell| cell.good + cell.bad).sum())
}

/// Equal but for what the order of two signals of the same second can make of them.
fn same(left: &Cells, right: &Cells) {
    let keys = |cells: &Cells| {
        let models = |(key, models): (&String, &std::collections::HashMap<String, Cell>)| {
            models.keys().map(|model| format!("{key}|{model}")).collect::<Vec<_>>()
        };
        cells.iter().flat_map(models).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(keys(left), keys(right));
    for (key, models) in left {
        for (model, cell) in models {
            let other = right[key][model];
            let is_same = (cell.good - other.good).abs() < 0.05 && (cell.bad - other.bad).abs() < 0.05;
            assert!(is_same && cell.at_ms == other.at_ms, "{key} {model}: {cell:?} {other:?}");
        }
    }
}

/// Thirty checked tasks, ten of which a person speaks about.
async fn teach(world: &World) {
    for number in 0..30 {
        let arrived = world.follow(&submitted("What is a router?")).await;
        let task = arrived.routed.task.id;
        world.finish(arrived, vec![checked("a/first", number % 3 != 0)]).await;
        if number % 3 == 1 {
            say(world, task, 0.25).await;
        }
    }
    // Twenty of weight 0.7 and ten of weight one, of which a little has faded.
    wait_until("everything is counted", SOON, async || mass(&cells(&world.store()).await) > 21.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_lost_under_load_is_rebuilt_once_by_one_of_several_routers() {
    let world = World::start(&two_models()).await;
    world.start_router().await;
    teach(&world).await;
    let store = world.store();
    wait_until("the routers are whole", SOON, async || store.is_whole().await.unwrap()).await;
    let (before, statistics) = (cells(&store).await, store.read(0).await.unwrap());
    for _ in 0..2 {
        flush(&store).await;
        // Decisions go on, each at once.
        while !store.is_whole().await.unwrap() {
            world.ask("What is a router?").await;
        }
        same(&before, &cells(&store).await);
        let again = store.read(0).await.unwrap();
        let answers = |statistics: &neptune_router::domain::statistics::Statistics| {
            statistics.models["a/first"].by_type.values().map(|means| means.answers).sum::<f64>()
        };
        assert_eq!(answers(&statistics), answers(&again));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_cut_off_is_begun_again_and_counts_nothing_twice() {
    let world = World::start(&two_models()).await;
    teach(&world).await;
    // Another namespace's keys stand for a Redis that forgot everything: no router sees to it.
    let store = Store::open(&world.redis.url(), "elsewhere", SOON).unwrap();
    let bus = &world.executor;
    assert!(store.take_turn("dead").await.unwrap());
    assert!(!store.take_turn("next").await.unwrap(), "one at a time");
    // Whose turn it is not does not mark it as whole, whatever it had taken in.
    assert!(matches!(rebuild(bus, &store, "late").await, Err(Error::Overtaken)));
    assert!(!store.is_whole().await.unwrap());
    let rebuilt = rebuild(bus, &store, "dead").await.unwrap();
    assert_eq!((rebuilt.feedback, rebuilt.left_out), (10, 0));
    assert!(store.is_whole().await.unwrap() && rebuilt.tasks >= 30, "{rebuilt:?}");
    let first = cells(&store).await;
    same(&cells(&world.store()).await, &first);
    assert!(store.take_turn("again").await.unwrap(), "the turn is free");
    rebuild(bus, &store, "again").await.unwrap();
    assert_eq!(cells(&store).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn meanwhile_the_explanation_says_so() {
    let world = World::without_router(&two_models()).await;
    let store = world.store();
    assert!(store.take_turn("the test").await.unwrap());
    world.start_router().await;
    let flagged = async || {
        let arrived = world.ask("What is a router?").await;
        arrived.routed.plan.explanation.learning.is_some_and(|learning| learning.rebuilding)
    };
    wait_until("priors are said to serve", SOON, flagged).await;
    let arrived = world.ask("What is a router?").await;
    world.answer(arrived, builders::answered("a/first")).await;
    let run = store.run().await.unwrap();
    assert!(store.end_turn("the test", &run).await.unwrap());
    wait_until("it is over", SOON, async || !flagged().await).await;
}

/// Whether the cells of `store` come back by themselves while it is looked at for a while.
async fn comes_back(store: &Store) -> bool {
    let until = std::time::Instant::now() + SOON;
    while std::time::Instant::now() < until {
        // The connection of before the restart is noticed to be broken when it is used.
        if store.read_cells(None).await.is_ok_and(|read| read.is_some_and(|(_, cells)| mass(&cells) > 20.0)) {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    false
}

/// Takes out what feedback taught, and that it did: a rebuild would put both back, and nothing else would.
async fn take_out(store: &Store, namespace: &str) {
    let mut connection = store.connection();
    let signals: Vec<String> =
        redis::cmd("KEYS").arg(format!("{{{namespace}}}:r:signal:*")).query_async(&mut connection).await.unwrap();
    let cells = format!("{{{namespace}}}:r:cells");
    redis::cmd("DEL").arg(cells).arg(signals).query_async::<()>(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_its_data_is_kept_and_one_with_older_data_is_filled_again() {
    let mut world = World::durable(&two_models()).await;
    world.start_router().await;
    let early = {
        let store = world.store();
        wait_until("the router is whole", SOON, async || store.is_whole().await.unwrap()).await;
        // The router counts itself in before it can vouch.
        let counted = format!("{{{}}}:r:applied:*", world.namespace.as_str());
        wait_until("the router remembers", SOON, async || {
            let keys: Vec<String> =
                redis::cmd("KEYS").arg(&counted).query_async(&mut store.connection()).await.unwrap();
            !keys.is_empty()
        })
        .await;
        world.redis.copy()
    };
    teach(&world).await;
    let store = world.store();
    take_out(&store, world.namespace.as_str()).await;
    let before = store.run().await.unwrap();
    world.redis.restart().await;
    let whole = async || store.is_whole().await.unwrap_or(false);
    wait_until("it is whole under another run", SOON, async || whole().await && store.run().await.unwrap() != before)
        .await;
    assert!(!comes_back(&store).await, "nothing was lost, and still the facts were taken in again");
    world.redis.restart_from(early).await;
    wait_until("it is known to lack what was taught", SOON, async || comes_back(&store).await).await;
    wait_until("it is whole again", SOON, whole).await;
}
