//! In which order a run hears what comes to it.

use crate::{
    workflows::{definition, is_running},
    world::{LONG, World, planned},
};
use futures::future::join_all;
use neptune_bus::Cause;
use neptune_contracts::{
    event::EventPublished,
    ids::RunId,
    names::Zone,
    run::{
        finished::RunOutcome,
        input::{RunInput, RunWish},
    },
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};

/// Ticks that a run hears.
const TICKS: usize = 400;

async fn world() -> World {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    world.execute(&[Zone::External, Zone::Onprem]);
    world
}

/// A workflow that hears so many ticks.
fn hears() -> String {
    let text = format!(
        "do:\n  - hear:\n      listen: {{to: {{any: [{{with: {{type: tick}}}}], until: '. | length >= {TICKS}'}}}}\n"
    );
    definition("hears", &text)
}

fn tick(number: usize) -> Value {
    json!({"id": format!("t{number}"), "specversion": "1.0", "source": "/test", "type": "tick", "data": {"number": number}})
}

impl World {
    /// Sends a run ticks, all at once and in the order of their numbers.
    async fn tick(&self, run: RunId) {
        let inputs: Vec<RunInput> = (0..TICKS)
            .map(|number| {
                let what = RunWish::Signal { event: tick(number) };
                RunInput { run, team: "support".parse().unwrap(), id: format!("t{number}"), what }
            })
            .collect();
        let root = Cause::root();
        let sending = join_all(inputs.iter().map(|input| self.operator.publish_once(input, &root)));
        // Not interrupted, or they would not be sent in their order.
        let sent = tokio::task::unconstrained(sending).await;
        assert!(sent.into_iter().all(|sent| sent.unwrap()));
    }

    async fn heard_in_order(&self, run: RunId) {
        let fact = self.run_ended(run).await;
        assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
        let output = fact.output.unwrap();
        let numbers: Vec<u64> =
            output.as_array().unwrap().iter().map(|data| data["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..TICKS as u64).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_are_heard_in_the_order_in_which_they_were_stored() {
    let world = world().await;
    let run = world.begin(&hears(), Value::Null).await;
    world.until(run, "it listens", |view| is_running(view, "hear")).await;
    world.tick(run).await;
    world.heard_in_order(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_came_before_the_run_and_are_handed_out_again_keep_their_order() {
    let world = world().await;
    let name = world.apply(&hears()).await;
    let known = world.begin(&hears(), Value::Null).await;
    world.until(known, "executors know the workflow", |view| is_running(view, "hear")).await;
    let run = RunId::mint();
    world.tick(run).await;
    // Each of them was handed out and put off.
    let (stream, consumer) = (world.namespace.resource("RUNS"), "executor-run-input");
    let put_off = || async { world.nats.unsettled(&stream, consumer).await == TICKS as u64 };
    wait_until("all are put off", LONG, put_off).await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    world.submit_as(run, &name, Value::Null).await;
    world.heard_in_order(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_heard_in_the_order_in_which_they_were_stored() {
    let world = world().await;
    let run = world.begin(&hears(), Value::Null).await;
    let other = world.submit_run("test/hears", Value::Null).await;
    for run in [run, other] {
        world.until(run, "it listens", |view| is_running(view, "hear")).await;
    }
    let events: Vec<EventPublished> = (0..TICKS)
        .map(|number| {
            let mut event: EventPublished = serde_json::from_value(tick(number)).unwrap();
            event.team = Some("support".parse().unwrap());
            event
        })
        .collect();
    let root = Cause::root();
    let sending = join_all(events.iter().map(|event| world.operator.publish(event, &root)));
    let sent = tokio::task::unconstrained(sending).await;
    assert!(sent.iter().all(Result::is_ok));
    world.heard_in_order(run).await;
    world.heard_in_order(other).await;
}
