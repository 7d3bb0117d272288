//! Tasks handed out twice, lost in a crash, or handed on to another zone.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use futures::StreamExt as _;
use neptune_contracts::{finished::Outcome, names::Zone};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

async fn called(upstream: &Upstream, times: usize) {
    wait_until("the model is called", LONG, || async { upstream.calls() >= times }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_handed_out_twice_is_called_once() {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("once"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    // What the router published, to be published again.
    let client = world.nats.client().await;
    let subject = format!("{}.task.routed.v1.external.realtime", world.namespace);
    let mut routed = client.subscribe(subject.clone()).await.unwrap();
    client.flush().await.unwrap();
    world.execute(&[Zone::External]);
    let task = world.submit(|_| {}).await;
    let message = routed.next().await.unwrap();
    let again = |id: &str, delivery: &str| {
        let mut headers = message.headers.clone().unwrap();
        headers.insert("Nats-Msg-Id", id);
        headers.insert("Neptune-Delivery", delivery);
        client.publish_with_headers(subject.clone(), headers, message.payload.clone())
    };
    called(&a, 1).await;
    // While the call is under way: the lease is taken, with the first sign of life.
    let leased =
        || async { world.nats.stream_messages(&format!("KV_{}", world.namespace.resource("LEASE"))).await == 1 };
    wait_until("the lease is written down", Duration::from_secs(5), leased).await;
    for index in 0..3 {
        again(&format!("while-{index}"), "2").await.unwrap();
    }
    // A task of its own through the same executor shows that the copies were dealt with.
    let behind = world.submit(|_| {}).await;
    called(&a, 2).await;
    gate.add_permits(2);
    assert_eq!(world.finished(task).await.outcome, Outcome::Completed);
    assert_eq!(world.finished(behind).await.outcome, Outcome::Completed);
    // Long after, when every lease has run out: the fact is there.
    let purge = format!("$JS.API.STREAM.PURGE.KV_{}", world.namespace.resource("LEASE"));
    client.request(purge, "".into()).await.unwrap();
    for index in 0..3 {
        again(&format!("after-{index}"), "3").await.unwrap();
    }
    gate.add_permits(10);
    let last = world.submit(|_| {}).await;
    world.finished(last).await;
    assert_eq!(a.calls(), 3, "three tasks, three calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_executor_died_in_the_call_is_made_again() {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("second time"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    // An executor with a runtime of its own, all of whose work ends at once with it.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    doomed.spawn(neptune_executor::run(world.config(&[Zone::External]), Shutdown::new()));
    let task = world.submit(|_| {}).await;
    called(&a, 1).await;
    doomed.shutdown_background();
    world.execute(&[Zone::External]);
    called(&a, 2).await;
    gate.add_permits(2);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("second time"), 1));
    let asked = a.asked();
    assert_eq!(
        asked[0].headers["idempotency-key"], asked[1].headers["idempotency-key"],
        "the same call is repeated under its id"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_plan_goes_to_the_executor_of_its_zone() {
    let world = World::start(vec![planned("acme/a", Zone::External), planned("acme/b", Zone::Onprem)], |_| {}).await;
    let (a, b) =
        (Upstream::that(Reply::With(413, "", String::new())).await, Upstream::answering("from the premises").await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::Onprem, &b).await;
    world.execute(&[Zone::External]);
    world.execute(&[Zone::Onprem]);
    let mut slowest_us = 0;
    for _ in 0..20 {
        let task = world.submit(|_| {}).await;
        let fact = world.finished(task).await;
        assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("from the premises")));
        let zones: Vec<Zone> = fact.attempts.iter().map(|attempt| attempt.zone).collect();
        assert_eq!(zones, [Zone::External, Zone::Onprem]);
        slowest_us = slowest_us.max(fact.times.added_us);
    }
    assert_eq!((a.calls(), b.calls()), (20, 20));
    assert!(slowest_us < 5_000_000, "a lease that was not given up delays a task by ten seconds: {slowest_us} us");
}
