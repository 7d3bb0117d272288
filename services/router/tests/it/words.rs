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
        residual::Wording,
        words::MOST_HEARD,
    },
    statistics::Store,
};
use neptune_testkit::{Redis, wait_until};

fn lesson(task: u128, reward: f64) -> Lesson {
    Lesson {
        task: TaskId(uuid::Uuid::from_u128(task)),
        model: "a/b".into(),
        contexts: vec!["*".into(), "type:chat".into()],
        expected: 0.5,
        verdict: None,
        says_right: None,
        signal: Signal { kind: Kind::Judge, reward, at_ms: 7 },
    }
}

async fn store(redis: &Redis) -> Store {
    Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap()
}

#[tokio::test]
async fn what_was_said_is_kept_with_the_words_of_its_task_and_read_again() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let wording = Wording::new(vec![10, 13, 65_535, 2_570]);
    store.keep_wording(TaskId(uuid::Uuid::from_u128(1)), &wording).await.unwrap();
    // Nothing is known of the second task's words.
    let kept = store.keep_heard([lesson(1, 0.25), lesson(2, 1.0)].iter()).await.unwrap();
    assert_eq!((kept, store.count_heard().await.unwrap()), (1, (1, 1)));
    store.keep_heard([lesson(1, 0.75)].iter()).await.unwrap();
    let heard = store.read_heard(10).await.unwrap();
    let told: Vec<(f64, f64, i64)> =
        heard.iter().map(|heard| (heard.judged.reward, heard.judged.weight, heard.judged.at_ms)).collect();
    assert_eq!(told, [(0.75, Kind::Judge.weight(), 7), (0.25, Kind::Judge.weight(), 7)], "the newest first");
    assert!(heard.iter().all(|heard| heard.wording == wording && heard.judged.contexts.len() == 2));
}

#[tokio::test]
async fn no_more_is_kept_than_may_be_and_what_was_lost_is_put_back_once() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let task = TaskId(uuid::Uuid::from_u128(1));
    store.keep_wording(task, &Wording::new(vec![1, 2, 3])).await.unwrap();
    let many: Vec<Lesson> = (0..1_000).map(|_| lesson(1, 1.0)).collect();
    for _ in 0..17 {
        store.keep_heard(many.iter()).await.unwrap();
    }
    assert_eq!(store.count_heard().await.unwrap(), (17_000, MOST_HEARD));
    let heard = store.read_heard(MOST_HEARD).await.unwrap();
    assert_eq!(heard.len(), MOST_HEARD);
    redis::cmd("FLUSHALL").query_async::<()>(&mut store.connection()).await.unwrap();
    assert!(store.put_back(heard.iter().take(700)).await.unwrap());
    assert_eq!(store.read_heard(MOST_HEARD).await.unwrap(), heard[..700]);
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
    wait_until("words are used", 6 * SOON, async || moved(0).await > 0.05 && moved(1).await < -0.05).await;
    assert_eq!(world.favourite_of(&task(701)).await, "b/second");
    // A replica of tomorrow learns the same from Redis.
    world.start_router().await;
    let store = world.store();
    let (_, kept) = store.count_heard().await.unwrap();
    assert!(kept >= 590, "{kept}");
    // A Redis that lost it all gets it back from the routers, and nobody waits.
    redis::cmd("FLUSHALL").query_async::<()>(&mut store.connection()).await.unwrap();
    assert!(moved(0).await > 0.05 && moved(1).await < -0.05);
    wait_until("it is put back", 6 * SOON, async || store.count_heard().await.unwrap().1 > 500).await;
    // So one that begins anew knows it too.
    world.kill_routers().await;
    world.start_router().await;
    wait_until("words are used again", 6 * SOON, async || moved(0).await > 0.05 && moved(1).await < -0.05).await;
}
