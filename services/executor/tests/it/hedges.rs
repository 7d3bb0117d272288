//! Two calls that race.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    PicoUsd,
    attempt::{ErrorClass, HEDGE},
    finished::Outcome,
    names::Zone,
    plan::Strategy,
};
use neptune_testkit::wait_until;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

async fn world(delay_ms: u64, a: Reply, b: Reply) -> (World, Upstream, Upstream) {
    let attempts = vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)];
    let world = World::start_with((Strategy::Hedge { delay_ms }, attempts, None), |_| {}).await;
    let (a, b) = (Upstream::that(a).await, Upstream::that(b).await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    (world, a, b)
}

fn says(text: &str) -> Reply {
    Reply::With(200, "", answer(text))
}

fn never() -> Reply {
    Reply::Held(Arc::new(Semaphore::new(0)), String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_answers_when_the_first_is_late_and_the_first_is_called_off() {
    let (world, a, b) = world(100, never(), says("from b")).await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!(
        (fact.outcome, fact.text(), fact.winner().unwrap().model.as_str()),
        (Outcome::Completed, Some("from b"), "acme/b")
    );
    let [first, second] = fact.attempts.as_slice() else { panic!("{fact:?}") };
    assert_eq!(first.error.as_ref().unwrap().class, ErrorClass::Cancelled);
    assert!(first.estimated && !second.estimated);
    // The input of the call that was cut: 6 tokens at 2 dollars. The winner is exact.
    assert_eq!((first.cost_usd, second.cost_usd), (usd("0.000012"), usd("0.0025")));
    assert_eq!((fact.cost_usd, second.purpose.as_deref()), (usd("0.002512"), Some(HEDGE)));
    assert!(second.started_at.micros_since(first.started_at) >= 100_000);
    assert_eq!((a.calls(), b.calls()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_time_is_the_only_call() {
    let (world, a, b) = world(20_000, says("from a"), says("from b")).await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len(), fact.cost_usd), (Some("from a"), 1, usd("0.0025")));
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_before_the_delay_is_a_fallback() {
    let (world, _a, b) = world(20_000, Reply::With(500, "", String::new()), says("from b")).await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len(), b.calls()), (Some("from b"), 2, 1));
    assert_eq!(fact.attempts[1].purpose, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_second_call_beyond_the_cap() {
    let gate = Arc::new(Semaphore::new(0));
    let mut dear = planned("acme/a", Zone::External);
    dear.expected_cost_usd = usd("0.6");
    let plan = (Strategy::Hedge { delay_ms: 50 }, vec![dear.clone(), dear], None);
    let world = World::start_with(plan, |_| {}).await;
    let a = Upstream::that(Reply::Held(gate.clone(), answer("from a"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    world.execute(&[Zone::External]);
    let task = world.submit(|_| {}).await;
    wait_until("the model is called", LONG, || async { a.calls() == 1 }).await;
    // A later task whose cap allows two has its second call: by then the delay of the first is over too.
    let rich = world.submit(|task| task.constraints.max_cost_usd = Some(usd("2"))).await;
    wait_until("the second call is made", LONG, || async { a.calls() >= 3 }).await;
    gate.add_permits(3);
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len()), (Some("from a"), 1), "two may cost 1.2, the cap is 1");
    let fact = world.finished(rich).await;
    assert_eq!((fact.text(), fact.attempts.len(), a.calls()), (Some("from a"), 2, 3), "both of this one");
}
