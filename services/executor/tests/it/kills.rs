//! Executors that are killed (-9) at each point around a call: every task ends once, no call is made for
//! nothing, and what may have been billed is in the fact.

use crate::{
    gate::{Close, Gate},
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_bus::Cause;
use neptune_contracts::{
    attempt::{ErrorClass, LOST},
    chat::ChatRequest,
    finished::{Outcome, TaskFinished},
    names::{Service, Zone},
    plan::Strategy,
    task::TaskSubmitted,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{net::TcpListener, sync::Semaphore};

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

async fn called(upstream: &Upstream, times: usize) {
    wait_until("the model is called", LONG, || async { upstream.calls() >= times }).await;
}

async fn number_of(world: &World, stream: &str) -> u64 {
    world.nats.stream_messages(&world.namespace.resource(stream)).await
}

/// Keys by which the provider recognises a repeated call.
fn keys(upstream: &Upstream) -> Vec<String> {
    upstream.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect()
}

/// A provider that answers with `body` once the gate lets it.
async fn held(body: String) -> (Upstream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    (Upstream::that(Reply::Held(gate.clone(), body)).await, gate)
}

/// The fact of a task whose executor is killed in the call number `nth` of `upstream`; another one makes it again, and
/// is answered.
async fn killed_in_call(world: &World, nth: usize, upstream: &Upstream, gate: &Semaphore) -> TaskFinished {
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    called(upstream, nth).await;
    doomed.kill();
    let _survivor = world.process("external");
    called(upstream, nth + 1).await;
    gate.add_permits(2);
    world.finished(task).await
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
    let (a, gate) = held(answer("second time")).await;
    world.declare("acme/a", Zone::External, &a).await;
    let fact = killed_in_call(&world, 1, &a, &gate).await;
    assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 1), "{:?}", fact.attempts);
    assert_eq!(keys(&a), vec![fact.attempts[0].id.to_string(); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_knows_no_repeated_calls_may_be_paid_twice_and_the_fact_says_so() {
    let world = world().await;
    let said = json!({
        "id": "m", "type": "message", "role": "assistant", "model": "a", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "second time"}], "usage": {"input_tokens": 1_000, "output_tokens": 100}
    });
    let (a, gate) = held(said.to_string()).await;
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    let spec = json!({"provider": "anthropic", "endpoint": a.endpoint(), "price": price, "allowPrivate": true});
    world.declare_spec("acme/a", spec).await;
    let fact = killed_in_call(&world, 1, &a, &gate).await;
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
async fn killed_after_the_note_before_the_model_heard_of_it_the_call_is_made_under_its_id() {
    let world = world().await;
    // It is connected to, and reads nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    world
        .declare_spec(
            "acme/a",
            json!({"provider": "openai", "endpoint": endpoint, "price": price, "allowPrivate": true}),
        )
        .await;
    let mut doomed = world.process("external");
    let task = world.submit(|_| {}).await;
    let started = format!("KV_{}", world.namespace.resource("STARTED"));
    wait_until("the note is there", LONG, || async { world.nats.stream_messages(&started).await == 1 }).await;
    doomed.kill();
    let a = Upstream::on(listener, Reply::With(200, "", answer("once")));
    let _survivor = world.process("external");
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("once"), 1));
    // What the dead process had sent may lie in its connection, and is read then.
    let id = fact.attempts[0].id.to_string();
    assert!(keys(&a).iter().all(|key| *key == id), "{:?} for {id}", keys(&a));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_answer_and_its_fact_it_is_asked_for_again_under_its_id() {
    let world = world().await;
    let a = Upstream::answering("the answer").await;
    world.declare("acme/a", Zone::External, &a).await;
    let gate = Gate::before(&world.nats, Close::Before("task.finished.v1.".into())).await;
    let mut doomed = world.process_through("external", &gate.url());
    let task = world.submit(|_| {}).await;
    gate.closed().await;
    doomed.kill();
    assert_eq!((number_of(&world, "RESULTS").await, a.calls()), (0, 1));
    let _survivor = world.process("external");
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("the answer")));
    assert_eq!((keys(&a), fact.attempts.len()), (vec![fact.attempts[0].id.to_string(); 2], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_fact_and_its_ack_nothing_is_done_again_and_who_waits_is_answered() {
    let world = world().await;
    let a = Upstream::answering("once").await;
    world.declare("acme/a", Zone::External, &a).await;
    let gate = Gate::before(&world.nats, Close::After("task.finished.v1.".into())).await;
    let mut doomed = world.process_through("external", &gate.url());
    let replies = world.operator.replies_on("_INBOX.support.kills".to_owned()).await.unwrap();
    let (reply_to, answer) = replies.expect();
    let task = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("hello"));
    world.operator.publish(&task, &Cause::root().with_reply_to(reply_to)).await.unwrap();
    gate.closed().await;
    wait_until("the fact is stored", LONG, || async { number_of(&world, "RESULTS").await == 1 }).await;
    doomed.kill();
    assert_eq!(number_of(&world, "TASKS").await, 1, "its accept is not acknowledged");
    let _survivor = world.process("external");
    let fact = world.finished(task.id.unwrap()).await;
    assert_eq!((fact.outcome, fact.attempts.len(), a.calls()), (Outcome::Completed, 1, 1));
    let answered = answer.wait(LONG).await.unwrap();
    assert_eq!((answered.id, answered.text()), (fact.id, Some("once")));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_second_call_the_first_one_is_not_made_again() {
    let plan = vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)];
    let world = World::start(plan, |_| {}).await;
    let a = Upstream::that(Reply::With(500, "", "{}".into())).await;
    let (b, gate) = held(answer("from b")).await;
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    let fact = killed_in_call(&world, 1, &b, &gate).await;
    let models: Vec<&str> = fact.attempts.iter().map(|attempt| attempt.model.as_str()).collect();
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("from b")));
    assert_eq!((models, a.calls()), (vec!["acme/a", "acme/b"], 1));
    assert_eq!(keys(&b), vec![fact.attempts.last().unwrap().id.to_string(); 2]);
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
    let fact = killed_in_call(&world, 2, &a, &gate).await;
    let purposes: Vec<Option<&str>> = fact.attempts.iter().map(|attempt| attempt.purpose.as_deref()).collect();
    assert_eq!((fact.outcome, purposes), (Outcome::Completed, vec![None, Some("retry")]), "{:?}", fact.attempts);
    let ids: Vec<String> = fact.attempts.iter().map(|attempt| attempt.id.to_string()).collect();
    assert_eq!(keys(&a), [&ids[0], &ids[1], &ids[1]].map(Clone::clone));
}
