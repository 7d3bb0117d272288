//! What the executor does with plans that were made before it saw a model fail.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::ErrorClass,
    finished::{Outcome, TaskFinished},
    ids::TaskId,
    names::Zone,
    task::TaskSubmitted,
};
use neptune_testkit::wait_until;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

async fn world(a: &Upstream, b: &Upstream) -> World {
    let world = World::start(vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)], |_| {}).await;
    world.declare("acme/a", Zone::External, a).await;
    world.declare("acme/b", Zone::External, b).await;
    world.execute(&[Zone::External]);
    world
}

async fn run(world: &World) -> TaskFinished {
    let task = world.submit(|_| {}).await;
    world.finished(task).await
}

fn says(text: &str) -> Reply {
    Reply::With(200, "", answer(text))
}

fn refused(status: u16, headers: &'static str) -> Reply {
    Reply::With(status, headers, "{}".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_does_not_call_a_model_that_is_seen_to_fail_once_a_task() {
    let (a, b) = (Upstream::that(refused(500, "")).await, Upstream::answering("from b").await);
    let world = world(&a, &b).await;
    for _ in 0..5 {
        assert_eq!(run(&world).await.attempts.len(), 2);
    }
    for _ in 0..5 {
        let fact = run(&world).await;
        assert_eq!((fact.outcome, fact.attempts.len(), fact.text()), (Outcome::Completed, 1, Some("from b")));
        let removed = &fact.route.unwrap().removed[0];
        assert_eq!((removed.model.as_str(), removed.by.as_str()), ("acme/a", "executor"));
        assert!(removed.reason.contains("overload"), "{}", removed.reason);
    }
    assert_eq!((a.calls(), b.calls()), (5, 10));
    // The bar is for five seconds; then the plan is followed again.
    wait_until("the model is tried again", LONG, async || run(&world).await.attempts.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_is_not_tried_again_at_once() {
    let (a, b) = (Upstream::that(refused(401, "")).await, Upstream::answering("from b").await);
    let world = world(&a, &b).await;
    assert_eq!(run(&world).await.attempts[0].error.as_ref().unwrap().class, ErrorClass::Auth);
    assert_eq!(run(&world).await.attempts.len(), 1);
    assert_eq!((a.calls(), b.calls()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_model_is_at_its_limit_tasks_wait_and_only_the_first_asks() {
    let limited = refused(429, "retry-after: 60\r\n");
    let (a, b) = (Upstream::that(limited.clone()).await, Upstream::that(limited).await);
    let world = world(&a, &b).await;
    let timers = world.namespace.resource("TIMERS");
    let accepts = world.namespace.resource("TASKS");
    for waiting in 1..=3 {
        world.submit(|_| {}).await;
        let waits = || async {
            world.nats.stream_messages(&timers).await == waiting && world.nats.stream_messages(&accepts).await == 0
        };
        wait_until("the task waits on a timer, and its accept has ended", LONG, waits).await;
    }
    assert_eq!((a.calls(), b.calls()), (1, 1));
    // Who cannot wait so long makes no call, and hears when to come back.
    let task = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(20_000))).await;
    let ended = || async { world.operator.result(&"support".parse().unwrap(), task).await.unwrap().is_some() };
    wait_until("the task that cannot wait ends", LONG, ended).await;
    let fact = world.operator.result(&"support".parse().unwrap(), task).await.unwrap().unwrap();
    let error = fact.error.unwrap();
    assert_eq!((fact.outcome, error.code.as_str()), (Outcome::Failed, "rate_limit_exceeded"));
    assert!(error.retry_after_ms.is_some_and(|ms| (20_000..=60_000).contains(&ms)), "{error:?}");
    assert_eq!((a.calls(), b.calls(), fact.cost_usd), (1, 1, PicoUsd::ZERO), "a Retry-After is the provider's word");
    assert!(fact.attempts.iter().all(|attempt| attempt.error.as_ref().unwrap().message.starts_with("not called")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_is_kept_while_what_was_only_seen_to_fail_is_tried() {
    let limited = Reply::Once(Arc::default(), Box::new(refused(429, "retry-after: 3\r\n")), Box::new(says("from a")));
    let (a, b) = (Upstream::that(limited).await, Upstream::that(refused(401, "")).await);
    let world = world(&a, &b).await;
    // Both fail: one says for how long, the other's credential is refused for nobody knows how long.
    let first = world.submit(|_| {}).await;
    wait_until("both were called", LONG, || async { (a.calls(), b.calls()) == (1, 1) }).await;
    let refused_at = Instant::now();
    let deadline =
        |ms: i64| move |task: &mut TaskSubmitted| task.constraints.deadline = Some(Timestamp::now().plus_millis(ms));
    let ended = |task: TaskId| {
        let (world, team) = (&world, "support".parse().unwrap());
        async move {
            wait_until("the task ends", LONG, || async { world.operator.result(&team, task).await.unwrap().is_some() })
                .await;
            world.operator.result(&team, task).await.unwrap().unwrap()
        }
    };
    let hurried = ended(world.submit(deadline(2_500)).await).await;
    let classes: Vec<(&str, ErrorClass)> =
        hurried.attempts.iter().map(|made| (made.model.as_str(), made.error.as_ref().unwrap().class)).collect();
    assert!(classes.contains(&("acme/b", ErrorClass::Auth)), "what was seen may be over: {classes:?}");
    assert_eq!((hurried.outcome == Outcome::Completed, a.calls()), (false, 1), "{classes:?}");
    // Who can wait is answered, and not before.
    let fact = ended(first).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("from a")), "{fact:?}");
    assert!(refused_at.elapsed() > Duration::from_millis(2_500), "{:?}", refused_at.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_model_that_does_not_answer_leaves_the_next_its_time() {
    let (a, b) = (Upstream::that(Reply::Stalled).await, Upstream::answering("from b").await);
    let world = world(&a, &b).await;
    // The executor must be there before the clock runs.
    let warm_up = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(-1))).await;
    assert_eq!(world.finished(warm_up).await.outcome, Outcome::Expired);
    let task = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(1_500))).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("from b")), "{fact:?}");
    let first = &fact.attempts[0];
    assert_eq!(first.error.as_ref().unwrap().class, ErrorClass::Timeout);
    assert!(Duration::from_micros(first.latency_us) < Duration::from_millis(1_400), "{first:?}");
}
