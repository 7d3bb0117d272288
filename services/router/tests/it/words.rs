//! What the words of tasks teach, in Redis and through the router.

use crate::{
    signals::checked,
    support::{SOON, World, submitted, two_models},
};
use neptune_contracts::ids::TaskId;
use neptune_router::{
    domain::{
        lesson::Lesson,
        quality::{Kind, Signal},
        words::{WordModels, Wording},
    },
    statistics::Store,
};
use neptune_testkit::{Redis, wait_until};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

fn lesson(task: u128, model: &str, kind: Kind, reward: f64, base: f64) -> Lesson {
    let signal = Signal { kind, reward, at_ms: 1 };
    let task = TaskId(uuid::Uuid::from_u128(task));
    Lesson {
        task,
        model: model.into(),
        contexts: Vec::new(),
        expected: base,
        base: Some(base),
        verdict: None,
        says_right: None,
        signal,
    }
}

#[test]
fn the_script_and_the_domain_agree_on_what_words_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start());
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let signals =
        vec((vec(0..4_096_u16, 0..40), prop::sample::select(vec!["a/b", "c/d"]), kinds, 0.0..=1.0, 0.0..=1.0), 1..30);
    let law = |signals: Vec<(Vec<u16>, &str, Kind, f64, f64)>| {
        runtime.block_on(async {
            let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap();
            let mut expected = WordModels::default();
            for (number, (buckets, model, kind, reward, base)) in (0..).zip(signals) {
                let (wording, lesson) = (Wording::new(buckets), lesson(number, model, kind, reward, base));
                store.keep_wording(lesson.task, &wording).await.unwrap();
                let learnt = store.learn_words([&lesson].into_iter()).await.unwrap();
                assert_eq!(learnt, u64::from(!wording.buckets().is_empty()));
                if learnt == 1 {
                    expected.0.entry(model.into()).or_default().learn(&wording, (reward, kind.weight()), base);
                }
            }
            let found = store.read_words().await.unwrap();
            assert_eq!(found.0.len(), expected.0.len());
            for (model, known) in &expected.0 {
                let (gain, known) = (found.0[model].gain(), known.gain());
                for (found, known) in
                    [(gain.signals, known.signals), (gain.saved, known.saved), (gain.squares, known.squares)]
                {
                    assert!((found - known).abs() < 1e-9, "{model}: {found} {known}");
                }
            }
        });
        Ok(())
    };
    TestRunner::new(ProptestConfig { cases: 48, ..ProptestConfig::default() }).run(&signals, law).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_bad_at_what_the_words_ask_for_loses_those_tasks_and_keeps_the_others() {
    let world = World::start(&two_models()).await;
    let text = |number: usize| match number % 2 {
        0 => format!("The pump in hall {} leaks oil. What should be checked first?", number % 7),
        _ => format!("The invoice of customer {} is due. What should be written to them?", number % 7),
    };
    // Of one kind and length, so that only the words differ.
    let task = |number: usize| {
        let mut task = submitted(&text(number));
        task.task_type = Some(neptune_contracts::names::TaskType::QuestionAnswering);
        task
    };
    for number in 0..300 {
        let arrived = world.follow(&task(number)).await;
        world.finish(arrived, vec![checked("a/first", number % 2 == 0), checked("b/second", true)]).await;
    }
    let moved = async |number: usize| {
        let explanation = world.follow(&task(number)).await.routed.plan.explanation;
        let beliefs = explanation.learning.unwrap().beliefs;
        beliefs.iter().find(|belief| belief.model == "a/first").unwrap().words.unwrap_or(0.0)
    };
    wait_until("words are used", SOON, async || moved(0).await > 0.05 && moved(1).await < -0.05).await;
    assert_eq!(world.favourite_of(&task(701)).await, "b/second");
    // A Redis that lost it all forgets words, and nobody waits.
    redis::cmd("FLUSHALL").query_async::<()>(&mut world.store().connection()).await.unwrap();
    wait_until("words are not used any more", SOON, async || moved(0).await == 0.0).await;
}
