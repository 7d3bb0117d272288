//! Limits of models, kept by several executors together.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    attempt::ErrorClass,
    chat::ChatRequest,
    finished::Outcome,
    ids::TaskId,
    names::{Lane, Service, Zone},
    resource::Resources,
};
use neptune_executor::{domain::room::Want, rooms::Rooms};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

async fn world(models: &[&str]) -> World {
    World::start(models.iter().map(|model| planned(model, Zone::External)).collect(), |_| {}).await
}

async fn submit(world: &World, text: &str, lane: Lane) -> TaskId {
    let change = |task: &mut neptune_contracts::task::TaskSubmitted| {
        task.input = ChatRequest::user(text);
        task.constraints.lane = lane;
    };
    world.submit(change).await
}

async fn all_end(world: &World, tasks: &[TaskId]) -> Vec<neptune_contracts::finished::TaskFinished> {
    let mut facts = Vec::new();
    for task in tasks {
        facts.push(world.finished(*task).await);
    }
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_together_never_make_more_calls_at_a_time_than_one_limit() {
    let world = world(&["acme/a"]).await;
    let a = Upstream::that(Reply::Slow(Duration::from_millis(30), answer("yes"))).await;
    world.declare_limited("acme/a", json!({"inFlight": 3}), &a).await;
    world.execute(&[Zone::External]);
    world.execute(&[Zone::External]);
    let mut tasks = Vec::new();
    for number in 0..60 {
        tasks.push(submit(&world, &format!("question {number}"), Lane::Realtime).await);
    }
    let facts = all_end(&world, &tasks).await;
    assert!(facts.iter().all(|fact| fact.outcome == Outcome::Completed));
    assert_eq!((a.calls(), a.most_at_once()), (60, 3));
}

/// Counted between the moment room is had and the moment it is given back, so that no network is in between.
#[tokio::test(flavor = "multi_thread")]
async fn room_is_never_given_twice() {
    let world = world(&["acme/a"]).await;
    let mut resources = Resources::default();
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    let spec =
        json!({"provider": "openai", "endpoint": "http://127.0.0.1:1", "price": price, "limits": {"inFlight": 3}});
    resources.insert("Model", "acme/a", spec).unwrap();
    let model = Arc::new(resources.models["acme/a"].clone());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let rooms = Arc::new(Rooms::new(world.bus(Service::Executor).await));
        for _ in 0..25 {
            let (rooms, model, now, most) = (rooms.clone(), model.clone(), now.clone(), most.clone());
            calls.spawn(async move {
                let want = Want { lane: Lane::Realtime, tokens: 100 };
                let place = rooms.enter(("acme/a", &model), want, LONG).await.unwrap();
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // The call.
                tokio::time::sleep(Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                drop(place);
            });
        }
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_above_the_minutes_requests_goes_to_the_next_model_or_waits() {
    let world = world(&["acme/a", "acme/b"]).await;
    let (a, b) = (Upstream::answering("from a").await, Upstream::answering("from b").await);
    world.declare_limited("acme/a", json!({"requestsPerMinute": 5}), &a).await;
    world.declare_limited("acme/b", json!({"requestsPerMinute": 3}), &b).await;
    world.execute(&[Zone::External]);
    world.execute(&[Zone::External]);
    let mut tasks = Vec::new();
    for number in 0..10 {
        tasks.push(submit(&world, &format!("question {number}"), Lane::Realtime).await);
    }
    let timers = world.namespace.resource("TIMERS");
    let waits = || async { world.nats.stream_messages(&timers).await == 2 };
    wait_until("two tasks wait for the next minute", LONG, waits).await;
    let ended = || async { world.nats.stream_messages(&world.namespace.resource("TASKS")).await == 0 };
    wait_until("the others have ended", LONG, ended).await;
    assert_eq!((a.calls(), b.calls()), (5, 3));
    let mut passed_over = 0;
    for task in tasks {
        let Some(fact) = world.operator.result(&"support".parse().unwrap(), task).await.unwrap() else { continue };
        assert_eq!(fact.outcome, Outcome::Completed);
        let errors: Vec<_> = fact.attempts.iter().filter_map(|attempt| attempt.error.as_ref()).collect();
        for error in &errors {
            assert_eq!(error.class, ErrorClass::RateLimit);
            assert!(error.message.contains("limits.requestsPerMinute"), "{}", error.message);
        }
        passed_over += errors.len();
    }
    assert_eq!(passed_over, 3, "those that b answered were held back from a");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_executor_held_when_it_was_killed_is_free_again_after_a_while() {
    let world = world(&["acme/a"]).await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("at last"))).await;
    world.declare_limited("acme/a", json!({"inFlight": 1}), &a).await;
    let mut doomed = world.process("external");
    let first = submit(&world, "first", Lane::Realtime).await;
    wait_until("the model is called", LONG, || async { a.calls() == 1 }).await;
    doomed.kill();
    let killed_at = Instant::now();
    world.execute(&[Zone::External]);
    let second = submit(&world, "second", Lane::Realtime).await;
    wait_until("the room is free again", LONG, || async { a.calls() == 2 }).await;
    assert!(
        killed_at.elapsed() > Duration::from_secs(4),
        "nobody knew yet that it was dead: {:?}",
        killed_at.elapsed()
    );
    gate.add_permits(10);
    for fact in all_end(&world, &[first, second]).await {
        assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("at last")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urgent_work_comes_before_batch_work_and_keeps_a_part_to_itself() {
    let world = world(&["acme/a"]).await;
    let gate = Arc::new(Semaphore::new(0));
    let a = Upstream::that(Reply::Held(gate.clone(), answer("done"))).await;
    world.declare_limited("acme/a", json!({"inFlight": 5}), &a).await;
    for _ in 0..2 {
        let mut config = world.config(&[Zone::External]);
        config.batch_concurrency = 64;
        tokio::spawn(neptune_executor::run(config, world.shutdown.clone()));
    }
    let mut tasks = Vec::new();
    for number in 0..7 {
        tasks.push(submit(&world, &format!("batch {number}"), Lane::Batch).await);
    }
    wait_until("batch work begins", LONG, || async { a.calls() == 4 }).await;
    tasks.push(submit(&world, "urgent 1", Lane::Realtime).await);
    wait_until("urgent work finds its part", LONG, || async { a.calls() == 5 }).await;
    tasks.push(submit(&world, "urgent 2", Lane::Realtime).await);
    let bus = world.bus(Service::Executor).await;
    let waits = || async {
        let book: Value = serde_json::from_slice(&bus.cell("acme/a").await.unwrap().body).unwrap();
        book["holders"].as_object().unwrap().values().any(|holder| holder["is_waiting"] == true)
    };
    wait_until("the second urgent task was told that all that is allowed is under way", LONG, waits).await;
    assert_eq!(a.calls(), 5, "all that is allowed");
    gate.add_permits(1);
    wait_until("somebody follows", LONG, || async { a.calls() == 6 }).await;
    let order: Vec<String> =
        a.asked().iter().map(|asked| asked.body["messages"][0]["content"].as_str().unwrap().to_owned()).collect();
    assert!(order[..4].iter().all(|text| text.starts_with("batch")), "{order:?}");
    assert_eq!(order[4..], ["urgent 1", "urgent 2"]);
    gate.add_permits(100);
    for fact in all_end(&world, &tasks).await {
        assert_eq!(fact.outcome, Outcome::Completed);
    }
    assert_eq!(a.most_at_once(), 5);
}
