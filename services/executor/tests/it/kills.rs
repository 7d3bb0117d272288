//! Executors that are killed (-9) at each point around a call: every task ends once, no call is made for
//! nothing, and what may have been billed is in the fact.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    attempt::{ErrorClass, LOST},
    finished::Outcome,
    names::{Service, Zone},
    plan::Strategy,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{process::Command, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

async fn called(upstream: &Upstream, times: usize) {
    wait_until("the model is called", LONG, || async { upstream.calls() >= times }).await;
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

async fn number_of(world: &World, stream: &str) -> u64 {
    world.nats.stream_messages(&world.namespace.resource(stream)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_call_nothing_was_begun() {
    let world = world().await;
    let a = Upstream::answering("once").await;
    world.declare_limited("acme/a", json!({"inFlight": 1}), &a).await;
    // Somebody else makes the only call that is allowed, and is not heard of again.
    let other = "00000000-0000-4000-8000-000000000001";
    let book = json!({"holders": {other: {"calls": 1, "beat": 1}}});
    let bus = world.bus(Service::Executor).await;
    bus.set_cell("acme/a", book.to_string().into_bytes(), 0).await.unwrap();
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    // It waits: the book says so.
    let waits = || async {
        let book: Value = serde_json::from_slice(&bus.cell("acme/a").await.unwrap().body).unwrap();
        book["holders"].as_object().unwrap().values().any(|holder| holder["is_waiting"] == true)
    };
    wait_until("the call waits for room", LONG, waits).await;
    doomed.kill();
    let started = format!("KV_{}", world.namespace.resource("STARTED"));
    assert_eq!((a.calls(), world.nats.stream_messages(&started).await), (0, 0));
    world.execute(&[Zone::External]);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, a.calls()), (Outcome::Completed, 1));
    assert!(fact.attempts.iter().all(|attempt| attempt.purpose.as_deref() != Some(LOST)), "{:?}", fact.attempts);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_the_call_it_is_made_again_under_its_id_and_paid_once() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("second time"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    called(&a, 1).await;
    doomed.kill();
    let _survivor = world.process("external");
    called(&a, 2).await;
    gate.add_permits(2);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 1), "{:?}", fact.attempts);
    let keys: Vec<String> = a.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys, vec![fact.attempts[0].id.to_string(); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_knows_no_repeated_calls_may_be_paid_twice_and_the_fact_says_so() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let said = json!({
        "id": "m", "type": "message", "role": "assistant", "model": "a", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "second time"}], "usage": {"input_tokens": 1_000, "output_tokens": 100}
    });
    let a = Upstream::that(Reply::Held(gate.clone(), said.to_string())).await;
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    let spec = json!({"provider": "anthropic", "endpoint": a.endpoint(), "price": price, "allowPrivate": true});
    world.declare_spec("acme/a", spec).await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    called(&a, 1).await;
    doomed.kill();
    let _survivor = world.process("external");
    called(&a, 2).await;
    gate.add_permits(2);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("second time"), 2));
    let (lost, answered) = (&fact.attempts[0], &fact.attempts[1]);
    assert_eq!((lost.purpose.as_deref(), lost.estimated), (Some(LOST), true));
    assert_eq!(lost.error.as_ref().unwrap().class, ErrorClass::Cancelled);
    // Six tokens of input, by the estimate, at 2 dollars a million.
    assert_eq!(lost.cost_usd, "0.000012".parse().unwrap());
    assert_eq!(answered.cost_usd, "0.0028".parse().unwrap());
    assert_eq!(fact.cost_usd, "0.002812".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_answer_and_its_fact_it_is_asked_for_again_under_its_id() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("the answer"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    called(&a, 1).await;
    // The broker hears nothing while the model answers.
    signal(world.nats.pid(), "-STOP");
    gate.add_permits(1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    doomed.kill();
    signal(world.nats.pid(), "-CONT");
    let _survivor = world.process("external");
    gate.add_permits(1);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("the answer")));
    let keys: Vec<String> = a.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    // What the dead process had sent last may lie in its connection, and count all the same.
    assert!(keys.iter().all(|key| *key == fact.attempts[0].id.to_string()), "{keys:?}");
    assert_eq!(fact.attempts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_fact_nothing_is_done_again() {
    let world = world().await;
    let a = Upstream::answering("once").await;
    world.declare("acme/a", Zone::External, &a).await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    wait_until("the fact is stored", LONG, || async { number_of(&world, "RESULTS").await == 1 }).await;
    doomed.kill();
    let _survivor = world.process("external");
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.attempts.len(), a.calls()), (Outcome::Completed, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_the_second_call_that_one_is_made_again_under_its_id() {
    let world = World::start_with((Strategy::Single, vec![planned("acme/a", Zone::External)], None), |_| {}).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Reply::Held(gate.clone(), answer("third time"));
    let a = Upstream::that(Reply::Failing(Arc::new(1.into()), Box::new(held))).await;
    world.declare("acme/a", Zone::External, &a).await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    called(&a, 2).await;
    doomed.kill();
    let _survivor = world.process("external");
    called(&a, 3).await;
    gate.add_permits(2);
    let fact = world.finished(task).await;
    let purposes: Vec<Option<&str>> = fact.attempts.iter().map(|attempt| attempt.purpose.as_deref()).collect();
    assert_eq!((fact.outcome, purposes), (Outcome::Completed, vec![None, Some("retry")]), "{:?}", fact.attempts);
    let keys: Vec<String> = a.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    let ids: Vec<String> = fact.attempts.iter().map(|attempt| attempt.id.to_string()).collect();
    assert_eq!(keys, [&ids[0], &ids[1], &ids[1]].map(Clone::clone));
}
