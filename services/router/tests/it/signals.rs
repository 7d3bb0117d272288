//! What finished tasks say by themselves: their checks, and whether they were asked again.

use crate::support::{SOON, World, submitted, two_models};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, Validation},
    finished::{Outcome, TaskFinished},
    ids::TaskId,
};
use neptune_router::{
    domain::{
        lesson::{Lesson, of_validation},
        quality::{Kind, Signal},
        repeat::Asking,
    },
    handlers::task_finished::take_in,
    statistics::Store,
};
use neptune_testkit::{Redis, builders, wait_until};

const START_MS: i64 = 1_800_000_000_000;

pub(crate) fn checked(model: &str, passed: bool) -> Attempt {
    Attempt { validation: Some(Validation { passed, ..Validation::default() }), ..builders::answered(model) }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_fail_their_checks_cost_a_model_its_place() {
    let world = World::start(&two_models()).await;
    assert_eq!(world.favourite().await, "a/first");
    let mut facts = Vec::new();
    for _ in 0..15 {
        let arrived = world.follow(&submitted("What is a router?")).await;
        let (task, route) = (arrived.routed.task.clone(), arrived.routed.plan.explanation.clone());
        let attempts = vec![checked("a/first", false), checked("b/second", true)];
        facts.push(TaskFinished {
            attempts: attempts.clone(),
            route: Some(route),
            ..TaskFinished::without_calls(&task, Outcome::Completed, Timestamp::now())
        });
        world.finish(arrived, attempts).await;
    }
    wait_until("the other one is preferred", SOON, async || world.favourite().await == "b/second").await;
    let learnt = async || world.store().read_cells(None).await.unwrap().unwrap().1["*"].clone();
    let all = async || learnt().await["a/first"].bad > 0.7 * 14.0;
    wait_until("every task is counted", SOON, all).await;
    // The same facts again, as after a crash before the ack, change nothing. (Their own time of
    // finishing is that of the stored facts or later only by accident, so they are told as stored.)
    let before = learnt().await;
    let team = "support".parse().unwrap();
    for fact in &facts {
        let stored = world.executor.result(&team, fact.id).await.unwrap().unwrap();
        assert_eq!(of_validation(&stored).len(), 2);
        take_in(&world.store(), &[&stored]).await.unwrap();
    }
    assert_eq!(learnt().await, before);
}

fn asking(number: u128, asked_ms: i64, model: &str) -> Asking {
    let signal = Signal { kind: Kind::Implied, reward: 0.0, at_ms: START_MS + asked_ms + 500 };
    let task = TaskId(uuid::Uuid::from_u128(number));
    let lesson = Lesson {
        task,
        model: model.into(),
        contexts: vec!["*".into()],
        expected: 0.8,
        verdict: None,
        says_right: None,
        signal,
    };
    Asking { sum: "same".into(), asked_ms: START_MS + asked_ms, answered_ms: START_MS + asked_ms + 500, lesson }
}

async fn store(redis: &Redis) -> Store {
    Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap()
}

/// Which of the askings were recognised as a repeat, each told alone.
async fn repeats(store: &Store, asked_ms: &[i64]) -> Vec<bool> {
    let mut found = Vec::new();
    for (number, at) in (1..).zip(asked_ms) {
        found.push(!store.ask(&[asking(number, *at, "a/first")]).await.unwrap().is_empty());
    }
    found
}

#[tokio::test]
async fn one_repeat_after_reading_counts_and_a_program_does_not() {
    let redis = Redis::start().await;
    for (asked_ms, expected) in [
        (&[0, 10_000][..], &[false, true][..]),
        // Asked again before the answer can have been read, and then a third time.
        (&[0, 400, 10_000], &[false, false, false]),
        // A probe every minute: at most the first pair.
        (&[0, 60_000, 120_000, 180_000, 480_000], &[false, true, false, false, false]),
        // Another day's question.
        (&[0, 400_000], &[false, false]),
        (&[0, 400_000, 410_000], &[false, false, true]),
    ] {
        assert_eq!(repeats(&store(&redis).await, asked_ms).await, expected, "{asked_ms:?}");
    }
}

#[tokio::test]
async fn a_repeat_told_again_is_the_same_and_counts_once() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let both = [asking(1, 0, "a/first"), asking(2, 10_000, "a/first")];
    let first = store.ask(&both).await.unwrap();
    assert_eq!(store.ask(&both).await.unwrap(), first);
    let [repeat] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!((repeat.own.askings, repeat.own.repeats, repeat.others.askings), (1.0, 1.0, 0.0));
    assert_eq!(repeat.lesson.signal.at_ms, START_MS + 10_000);
    let other = Asking { sum: "other".into(), ..asking(3, 0, "b/second") };
    store.ask(&[other]).await.unwrap();
    let again = store.ask(&both).await.unwrap();
    assert_eq!(again[0].others.askings, 1.0);
}
