//! Feedback: the script in Redis by the rules of the domain, and on its way over the bus.

use crate::{
    signals::checked,
    support::{SOON, World, submitted, two_models},
};
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
    names::TaskType,
    plan::{Plan, Strategy},
    task::OutputSpec,
};
use neptune_router::{
    domain::{
        checks::{Checks, Verdict},
        quality::{Book, Context, Effect, Kind, Signal},
    },
    statistics::{Learnt, Lesson, Store},
};
use neptune_testkit::{Redis, builders, wait_until};
use proptest::{
    collection,
    prelude::prop,
    strategy::Strategy as _,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

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
        verdict: None,
        says_right: None,
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

#[tokio::test]
async fn what_checks_found_is_counted_once_and_so_is_what_a_person_says_of_it() {
    let redis = Redis::start().await;
    let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap();
    let at = |kind, reward, at_ms| Signal { kind, reward, at_ms: START_MS + at_ms };
    let was = |task, verdict| Lesson {
        verdict: Some(verdict),
        ..lesson(task, at(Kind::Validation, f64::from(u8::from(verdict == Verdict::Passed)), 0), 0.8)
    };
    let said = |task, is_right: bool, at_ms| Lesson {
        verdict: Some(Verdict::Passed),
        says_right: Some(is_right),
        ..lesson(task, at(Kind::Explicit, f64::from(u8::from(is_right)), at_ms), 0.8)
    };
    let all = [
        was(1, Verdict::Passed),
        was(2, Verdict::Refused),
        said(1, true, 1),
        // Somebody thinks again.
        said(1, false, 2),
        // A person was faster than the fact.
        said(3, true, 1),
        was(3, Verdict::Passed),
        lesson(4, at(Kind::Explicit, 1.0, 1), 0.8),
    ];
    for _ in 0..2 {
        store.learn(&all).await.unwrap();
        let counts = store.read_checks().await.unwrap();
        assert_eq!(counts.len(), context().keys().len());
        for (_, key) in context().keys() {
            assert_eq!(counts[key], Checks { passed: 2.0, refused: 1.0, right: 1.0, wrong: 1.0 }, "{key}");
        }
    }
}

/// The share of wrong answers that the checks of a cascade are said to find, in percent; nothing when it
/// is no cascade.
fn found(plan: &Plan) -> Option<u32> {
    let because = &plan.explanation.strategy.as_ref().filter(|_| plan.strategy == Strategy::Cascade)?.because;
    because.split("the checks find ").nth(1)?.split(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_let_wrong_answers_through_are_known_to_be_worth_little() {
    let (dear, cheap) = (builders::model(0.9, "30"), builders::model(0.7, "0.1"));
    let world = World::without_router(&[("a/first", dear), ("b/second", cheap)]).await;
    world.declare("Route", "checked", &json!({"strategy": "cascade", "cascade": {"catchRate": 0.9}})).await;
    world.start_router().await;
    let asked = || {
        let mut task = submitted("What is a router?");
        task.output = Some(OutputSpec { max_characters: Some(400), ..OutputSpec::default() });
        task.constraints.route = Some("checked".into());
        task
    };
    let plan = async || world.follow(&asked()).await.routed.plan;
    wait_until("the settings hold", SOON, async || found(&plan().await) == Some(90)).await;
    // The checks refuse nothing, and a person says that half of what passes is wrong.
    for number in 0..60 {
        let arrived = world.follow(&asked()).await;
        let (task, model) = (arrived.routed.task.id, arrived.first().to_owned());
        world.finish(arrived, vec![checked(&model, true)]).await;
        if number % 2 == 0 {
            say(&world, task, f64::from(number % 4) / 2.0).await;
        }
    }
    wait_until("the facts are learnt", SOON, async || found(&plan().await).is_some_and(|found| found < 30)).await;
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
