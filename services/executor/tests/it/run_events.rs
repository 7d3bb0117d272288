//! Events between runs: emitted, published from outside, listened to, over crashes.

use crate::{
    workflows::{definition, is_running, steps},
    world::{LONG, World, planned},
};
use neptune_bus::{Cause, Incoming, Outcome};
use neptune_contracts::{
    event::EventPublished,
    names::{Service, Zone},
    query::run::RunView,
    run::finished::RunOutcome,
    topology::EXECUTOR_EVENT,
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const ZONES: &str = "external,onprem";

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

fn event(kind: &str, id: &str, data: Value) -> EventPublished {
    let event = json!({"id": id, "source": "/test", "type": kind, "data": data});
    let mut event: EventPublished = serde_json::from_value(event).unwrap();
    event.team = Some("support".parse().unwrap());
    event
}

impl World {
    async fn publish_event(&self, event: &EventPublished) {
        self.operator.publish(event, &Cause::root()).await.unwrap();
    }

    /// Waits until every event was read by the executors.
    async fn events_are_read(&self) {
        let stored = self.stored_events().await;
        let read = || async { self.operator.progress(&EXECUTOR_EVENT).await.is_ok_and(|told| told.settled >= stored) };
        wait_until("every event was read", LONG, read).await;
    }

    async fn stored_events(&self) -> u64 {
        self.nats.stream_messages(&self.namespace.resource("EVENTS")).await
    }
}

fn listens(view: &RunView) -> bool {
    is_running(view, "hear")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_emits_is_heard_by_the_runs_that_listen_then_and_by_no_others() {
    let world = world().await;
    world.execute(&[Zone::External, Zone::Onprem]);
    let text = "do:\n  - hear:\n      listen:\n        to:\n          one:\n            with: {type: order.paid}\n            correlate: {order: {from: .data.order, expect: '${ $workflow.input.order }'}}\n";
    let mine = world.begin(&definition("waits", text), json!({"order": "o-1"})).await;
    let other = world.submit_run("test/waits", json!({"order": "o-2"})).await;
    let text = "do:\n  - hear: {listen: {to: {any: []}, read: envelope}}\n";
    let all = world.begin(&definition("all", text), Value::Null).await;
    for run in [mine, other, all] {
        world.until(run, "it listens", listens).await;
    }
    let text = "do:\n  - say: {emit: {event: {with: {source: /shop, type: order.paid, data: {order: '${ .order }'}}}}}\n  - hear: {listen: {to: {one: {with: {type: order.paid}}}}}\n";
    let emitter = world.begin(&definition("says", text), json!({"order": "o-1"})).await;
    let fact = world.run_ended(mine).await;
    assert_eq!((fact.outcome, fact.output), (RunOutcome::Completed, Some(json!([{"order": "o-1"}]))));
    let heard = world.run_ended(all).await.output.unwrap();
    assert_eq!((heard[0]["type"].as_str(), heard[0]["source"].as_str()), (Some("order.paid"), Some("/shop")));
    assert_eq!(heard[0]["neptunerun"], json!(emitter));
    world.events_are_read().await;
    assert!(listens(&world.view(other).await), "the other order is still waited for");
    assert!(listens(&world.view(emitter).await), "it began to listen after its own event");
    world.publish_event(&event("order.paid", "2", json!({"order": "o-2"}))).await;
    assert_eq!(world.run_ended(other).await.outcome, RunOutcome::Completed);
    assert_eq!(world.run_ended(emitter).await.outcome, RunOutcome::Completed);
    let listeners = world.namespace.resource("LISTENS");
    let forgotten = || async { world.nats.stream_messages(&format!("KV_{listeners}")).await == 0 };
    wait_until("nobody is noted to listen", LONG, forgotten).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_team_hears_nothing_and_what_is_no_event_is_not_emitted() {
    let world = world().await;
    world.execute(&[Zone::External, Zone::Onprem]);
    let text = "do:\n  - hear: {listen: {to: {one: {with: {type: order.paid}}}}}\n";
    let run = world.begin(&definition("waits", text), Value::Null).await;
    world.until(run, "it listens", listens).await;
    let mut foreign = event("order.paid", "1", json!({}));
    foreign.team = Some("sales".parse().unwrap());
    world.publish_event(&foreign).await;
    world.publish_event(&event("order.sent", "1", json!({}))).await;
    world.events_are_read().await;
    assert!(listens(&world.view(run).await));
    let text = "do:\n  - say: {emit: {event: {with: {source: /shop, type: '${ 7 }'}}}}\n";
    let fact = world.run_ended(world.begin(&definition("says", text), Value::Null).await).await;
    let error = fact.error.unwrap();
    assert_eq!(fact.outcome, RunOutcome::Faulted);
    assert!(error["detail"].as_str().unwrap().contains("`type` of the event"), "{error}");
    assert_eq!(world.stored_events().await, 2, "nothing was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_came_while_no_executor_lived_is_heard_once() {
    let world = world().await;
    let mut doomed = world.process(ZONES);
    let text = "do:\n  - hear:\n      listen: {to: {any: [{with: {type: tick}}], until: '. | length >= 2'}}\n";
    let run = world.begin(&definition("waits", text), Value::Null).await;
    world.until(run, "it listens", listens).await;
    doomed.kill();
    let tick = event("tick", "1", json!({"number": 1}));
    world.publish_event(&tick).await;
    // Whoever is handed it first dies before it tells anybody.
    let (bus, dying, handed_out) = (world.bus(Service::Executor).await, Shutdown::new(), Arc::new(Semaphore::new(0)));
    let (stop, told) = (dying.clone(), handed_out.clone());
    let reading = tokio::spawn(async move {
        let handler = move |_: Incoming<EventPublished>| {
            let told = told.clone();
            async move {
                told.add_permits(1);
                Outcome::Retry { after: Duration::from_secs(1) }
            }
        };
        bus.consume(&EXECUTOR_EVENT, 1, &stop, handler).await.unwrap();
    });
    handed_out.acquire().await.unwrap().forget();
    dying.cancel();
    reading.await.unwrap();
    let _survivor = world.process(ZONES);
    let heard = |count: usize| {
        move |view: &RunView| {
            let doing = steps(view, "hear").first().and_then(|step| step.doing.clone());
            doing.is_some_and(|doing| doing.contains(&format!("{count} heard")))
        }
    };
    world.until(run, "it heard one", heard(1)).await;
    world.publish_event(&tick).await;
    world.events_are_read().await;
    assert!(heard(1)(&world.view(run).await), "the same event is heard once");
    world.publish_event(&event("tick", "2", json!({"number": 2}))).await;
    assert_eq!(world.run_ended(run).await.output, Some(json!([{"number": 1}, {"number": 2}])));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_between_runs_is_lost_or_doubled_while_executors_are_killed() {
    const EVENTS: usize = 20;
    let world = world().await;
    let mut executor = world.process(ZONES);
    let text = format!(
        "do:\n  - hear:\n      listen: {{to: {{any: [{{with: {{type: tick}}}}], until: '. | length >= {EVENTS}'}}}}\n"
    );
    let listener = world.begin(&definition("waits", &text), Value::Null).await;
    world.until(listener, "it listens", listens).await;
    let text = "do:\n  - rest: {wait: {milliseconds: 100}}\n  - say: {emit: {event: {with: {source: /test, type: tick, data: '${ . }'}}}}\n";
    world.apply(&definition("says", text)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut emitters = Vec::new();
    for number in 0..EVENTS {
        emitters.push(world.submit_run("test/says", json!(number)).await);
        if number % 7 == 5 {
            executor.kill();
            executor = world.process(ZONES);
        }
    }
    for emitter in emitters {
        assert_eq!(world.run_ended(emitter).await.outcome, RunOutcome::Completed);
    }
    let heard: Vec<u64> = serde_json::from_value(world.run_ended(listener).await.output.unwrap()).unwrap();
    let all: BTreeSet<u64> = heard.iter().copied().collect();
    assert_eq!((heard.len(), all), (EVENTS, (0..EVENTS as u64).collect()));
    drop(executor);
}
