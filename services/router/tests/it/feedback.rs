//! Feedback: the script in Redis by the rules of the domain, and on its way over the bus.

use crate::support::{SOON, World, submitted, two_models};
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
    names::TaskType,
};
use neptune_router::{
    domain::quality::{Book, Context, Effect, Kind, Signal},
    statistics::{Learnt, Lesson, Store},
};
use neptune_testkit::{Redis, builders, wait_until};
use proptest::{
    collection,
    prelude::prop,
    strategy::Strategy as _,
    test_runner::{Config, TestRunner},
};

const START_MS: i64 = 1_800_000_000_000;

fn context() -> Context {
    Context::new(TaskType::Chat, 10, Some("flow.step"))
}

fn lesson(task: u128, signal: Signal, expected: f64) -> Lesson {
    let contexts = context().keys().iter().map(|(_, key)| key.clone()).collect();
    Lesson {
        task: TaskId(uuid::Uuid::from_u128(task)),
        model: "a/first".into(),
        contexts,
        expected,
        base: None,
        signal,
    }
}

/// Takes in a lesson, again when Redis did not answer in time, as a redelivery does. What it did is
/// known only when it was told the first time.
async fn learn(store: &Store, lesson: &Lesson) -> Option<Learnt> {
    if let Ok(learnt) = store.learn(std::slice::from_ref(lesson)).await.map(|mut learnt| learnt.remove(0)) {
        return Some(learnt);
    }
    wait_until("Redis answers", SOON, async || {
        store.learn(std::slice::from_ref(lesson)).await.map(|mut learnt| learnt.remove(0)).is_ok()
    })
    .await;
    None
}

#[test]
fn the_script_and_the_domain_agree_on_every_cell() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start());
    let given =
        (0..12_u128, prop::sample::select(Kind::ALL.to_vec()), 0.0..=1.0_f64, 0.0..=1.0_f64, 0..900_000_000_i64);
    let alarms = std::cell::Cell::new(0);
    // Some sequences are one-sided, so that alarms are raised.
    let sequences = (collection::vec(given, 1..60), prop::bool::ANY).prop_map(|(given, is_bad)| {
        given
            .into_iter()
            .map(
                |(task, kind, reward, expected, at_ms)| {
                    if is_bad { (task, kind, 0.0, 1.0, at_ms) } else { (task, kind, reward, expected, at_ms) }
                },
            )
            .collect::<Vec<_>>()
    });
    TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() })
        .run(&sequences, |given| {
            let (mut book, context) = (Book::default(), context());
            let stored = runtime.block_on(async {
                let store =
                    Store::open(&redis.url(), neptune_testkit::namespace().as_str(), crate::support::SOON).unwrap();
                for (number, (task, kind, reward, expected, at_ms)) in (0..).zip(&given) {
                    // Mostly other tasks, so that evidence piles up; sometimes the same again.
                    let task = if task % 3 == 0 { *task } else { 100 + number };
                    let signal = Signal { kind: *kind, reward: *reward, at_ms: START_MS + at_ms };
                    let wanted = match book.give(task, "a/first", (&context, *expected), signal) {
                        Effect::Counted { changed } => {
                            alarms.set(alarms.get() + changed.len());
                            ("counted", changed)
                        }
                        Effect::Replaced => ("replaced", Vec::new()),
                        Effect::Ignored => ("ignored", Vec::new()),
                    };
                    if let Some(learnt) = learn(&store, &lesson(task, signal, *expected)).await {
                        assert_eq!((learnt.effect.as_str(), learnt.changed), wanted);
                    }
                }
                wait_until("Redis answers", SOON, async || store.read_cells(None).await.is_ok()).await;
                store.read_cells(None).await.unwrap().unwrap().1
            });
            assert_eq!(stored.len(), book.cells.len());
            for (key, models) in &book.cells {
                let (own, other) = (models["a/first"], stored[key]["a/first"]);
                let pairs = [
                    (own.good, other.good),
                    (own.bad, other.bad),
                    (own.faded, other.faded),
                    (own.doubt, other.doubt),
                    (own.alarm.rising, other.alarm.rising),
                    (own.alarm.falling, other.alarm.falling),
                ];
                assert!(
                    pairs.iter().all(|(own, other)| (own - other).abs() < 1e-9) && own.at_ms == other.at_ms,
                    "{key}: {own:?} {other:?}"
                );
            }
            Ok(())
        })
        .unwrap();
    assert!(alarms.get() > 10, "only {} alarms were ever raised", alarms.get());
}

#[tokio::test]
async fn cells_are_read_only_when_they_changed() {
    let redis = Redis::start().await;
    let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), crate::support::SOON).unwrap();
    let signal = Signal { kind: Kind::Explicit, reward: 1.0, at_ms: START_MS };
    assert_eq!(store.read_cells(None).await.unwrap().map(|(version, cells)| (version, cells.len())), Some((0, 0)));
    store.learn(&[lesson(1, signal, 0.5)]).await.unwrap();
    let (version, cells) = store.read_cells(Some(0)).await.unwrap().unwrap();
    assert_eq!(cells.len(), 4);
    store.learn(&[lesson(1, signal, 0.5)]).await.unwrap();
    assert_eq!(store.read_cells(Some(version)).await.unwrap(), None, "the same again changes nothing");
}

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

#[tokio::test(flavor = "multi_thread")]
async fn feedback_changes_the_plan() {
    let world = World::start(&two_models()).await;
    assert_eq!(world.favourite().await, "a/first");
    for _ in 0..15 {
        let arrived = world.follow(&submitted("What is a router?")).await;
        let (task, model) = (arrived.routed.task.id, arrived.first().to_owned());
        let score = if model == "a/first" { 0.0 } else { 1.0 };
        world.answer(arrived, builders::answered(&model)).await;
        say(&world, task, score).await;
    }
    wait_until("the other one is preferred", SOON, async || world.favourite().await == "b/second").await;
    let plan = world.ask("What is a router?").await.routed.plan;
    let levels = plan.explanation.learning.unwrap().levels;
    assert!(levels.iter().all(|level| level.key != "*" || level.observations > 0.0), "{levels:?}");
}
