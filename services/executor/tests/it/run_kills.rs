//! Runs whose executors and broker are killed (-9), once and again and again. [`crate::run_crashes`] kills in the very
//! moments of the crash table.

use crate::{
    upstream::{Reply, Upstream},
    workflows::{chain, definition, is_running, steps},
    world::{LONG, World, planned},
};
use futures::StreamExt as _;
use neptune_bus::{Bus, Incoming, Outcome};
use neptune_contracts::{
    event::EventPublished,
    names::{Service, Zone},
    run::{
        RunSubmitted,
        changed::{RunChanged, RunState},
        finished::RunOutcome,
        log::{RunLogged, RunMadeOf},
    },
    topology::EXECUTOR_RUN_SUBMITTED,
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use neptune_workflow::{
    compiler,
    run::{Arrival, Event, Run},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const ZONES: &str = "external,onprem";

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_call_of_its_own_the_call_is_made_again_and_recorded_once() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(gate.clone(), "{}".into())).await;
    let mut doomed = world.process(ZONES);
    let run = world.begin(&definition("call", &chain(web.port(), 1)), Value::Null).await;
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    doomed.kill();
    let _survivor = world.process(ZONES);
    wait_until("the call is made again", LONG, || async { web.calls() == 2 }).await;
    gate.add_permits(2);
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    assert_eq!(steps(&world.view(run).await, "s0").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_must_not_be_made_twice_fails_as_ambiguous_instead() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(gate.clone(), "{}".into())).await;
    let mut doomed = world.process(ZONES);
    let text = chain(web.port(), 1).replace("}}\n", "}, metadata: {neptune: {delivery: at-most-once}}}\n");
    let run = world.begin(&definition("once", &text), Value::Null).await;
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    doomed.kill();
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, web.calls()), (RunOutcome::Faulted, 1), "{fact:?}");
    assert_eq!(fact.error.unwrap()["status"], 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_goes_on_although_everybody_who_knew_it_is_dead() {
    let mut world = world().await;
    let mut doomed = world.process(ZONES);
    let text = "do:\n  - set: {set: {x: 1}}\n  - rest: {wait: PT4S}\n  - out: {set: {x: '${ .x + 1 }'}}\n";
    let run = world.begin(&definition("wait", text), Value::Null).await;
    world.until(run, "it waits", |view| is_running(view, "rest")).await;
    doomed.kill();
    world.nats.restart().await;
    let timers = world.namespace.resource("TIMERS");
    let fired = || async { world.nats.unsettled(&timers, "executor-run-fired").await == 1 };
    wait_until("its time comes while nobody is there", LONG, fired).await;
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output, Some(json!({"x": 2})), "{fact:?}");
    let view = world.view(run).await;
    assert!(view.steps.iter().all(|step| steps(&view, &step.name).len() == 1), "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_end_with_each_step_recorded_once_however_often_executors_are_killed() {
    const RUNS: usize = 12;
    const STEPS: usize = 20;
    let world = world().await;
    let web = Upstream::that(Reply::Slow(Duration::from_millis(20), "{}".into())).await;
    // Executors that begin to work know what is applied.
    world.apply(&definition("long", &chain(web.port(), STEPS))).await;
    let mut pool = [world.process(ZONES), world.process(ZONES)];
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(world.submit_run("test/long", Value::Null).await);
    }
    for round in 0..6 {
        // Each kill meets runs that went on since the last one.
        let before = web.calls();
        let goes_on = || async { web.calls() >= before + RUNS };
        wait_until("the runs go on", LONG, goes_on).await;
        let index = usize::from(round % 2 == 1);
        pool[index].kill();
        pool[index] = world.process(ZONES);
    }
    for run in &runs {
        let fact = world.run_ended(*run).await;
        assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
        let view = world.view(*run).await;
        for number in 0..STEPS {
            let found = steps(&view, &format!("s{number}"));
            assert_eq!((found.len(), found[0].state.as_str()), (1, "done"), "step {number} of {run}");
        }
    }
    let (wanted, made) = (RUNS * STEPS, web.calls());
    assert!(made >= wanted, "{made} of {wanted}");
    // Only calls that were under way when their executor was killed are made again.
    assert!(made - wanted <= 6 * RUNS, "{} calls were made again", made - wanted);
}

/// What an executor does that dies right after its append: it stores what was decided, and asks for nothing.
async fn append_and_die(bus: &Bus, incoming: &Incoming<RunSubmitted>, definition: &Value) {
    let (run, team) = (incoming.message.id.unwrap(), incoming.message.team.clone().unwrap());
    let read = compiler::read(&definition.to_string()).unwrap();
    let event = Event::Started { run: run.to_string(), input: incoming.message.input.clone(), sensitivity: 0 };
    let decision = Run::default().decide(&read, &Arrival { event, now_ms: 1_800_000_000_000, chance: 7 });
    assert!(decision.actions.len() >= 3, "{:?}", decision.actions);
    let stored_at = incoming.meta.stored_at;
    let made_of = RunMadeOf::new("test/dies:1.0.0".into(), definition.clone(), "of a test".into(), stored_at);
    let logged = RunLogged {
        id: "dead".into(),
        run,
        team,
        made_of: Some(Box::new(made_of)),
        causes: vec!["start".into()],
        records: vec![serde_json::to_value(&decision.record).unwrap()],
    };
    bus.append_log(&logged, 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_and_not_asked_for_is_asked_for_by_the_next() {
    let world = world().await;
    let web = Upstream::that(Reply::With(200, "content-type: application/json\r\n", r#"{"ok": true}"#.into())).await;
    let text = format!(
        "do:\n  - say: {{emit: {{event: {{with: {{type: ticket.seen, source: 'https://example.com'}}}}}}}}\n  - other: {{run: {{await: false, workflow: {{namespace: test, name: other, version: '1.0.0'}}}}}}\n{}",
        &chain(web.port(), 1)[4..]
    );
    world.apply(&definition("other", "do:\n  - one: {set: {x: 1}}\n")).await;
    let text = definition("dies", &text);
    world.apply(&text).await;
    let document = compiler::read(&text).unwrap().document;
    let mut emitted = world.operator.listen::<EventPublished>().await.unwrap();
    let mut changes = world.operator.listen::<RunChanged>().await.unwrap();
    // The executor that dies is played by a reader of its consumer.
    let (bus, dying) = (world.bus(Service::Executor).await, Shutdown::new());
    let (reader, appended, stop) = (bus.clone(), Arc::new(Semaphore::new(0)), dying.clone());
    let told = appended.clone();
    let reading = tokio::spawn(async move {
        let publisher = bus.clone();
        let handler = move |incoming: Incoming<RunSubmitted>| {
            let (bus, document, told) = (publisher.clone(), document.clone(), told.clone());
            async move {
                append_and_die(&bus, &incoming, &document).await;
                told.add_permits(1);
                Outcome::Retry { after: Duration::from_secs(2) }
            }
        };
        reader.consume(&EXECUTOR_RUN_SUBMITTED, 1, &stop, handler).await.unwrap();
    });
    let run = world.submit_run("test/dies", Value::Null).await;
    appended.acquire().await.unwrap().forget();
    dying.cancel();
    reading.await.unwrap();
    assert_eq!(web.calls(), 0, "nothing was asked for");
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, web.calls()), (RunOutcome::Completed, 1), "{fact:?}");
    let said = tokio::time::timeout(LONG, emitted.next()).await.unwrap().unwrap();
    assert_eq!((said.run, said.kind.as_str()), (Some(run), "ticket.seen"));
    let begun = tokio::time::timeout(LONG, changes.next()).await.unwrap().unwrap();
    assert_eq!((begun.id, begun.state, begun.change), (run, RunState::Running, 1));
    let view = world.view(run).await;
    let other = steps(&view, "other")[0].instance;
    assert_eq!(world.run_ended(run.child(other)).await.outcome, RunOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_its_definition_although_it_is_taken_away() {
    let world = world().await;
    let mut doomed = world.process(ZONES);
    let text = "do:\n  - rest: {wait: PT2S}\n  - out: {set: {version: one}}\n";
    let run = world.begin(&definition("kept", text), Value::Null).await;
    world.until(run, "it waits", |view| is_running(view, "rest")).await;
    doomed.kill();
    world.operator.delete_resource("workflow/test/kept:1.0.0").await.unwrap();
    let _survivor = world.process(ZONES);
    assert_eq!(world.run_ended(run).await.output, Some(json!({"version": "one"})));
    assert_eq!(world.run_ended(world.submit_run("test/kept", Value::Null).await).await.outcome, RunOutcome::Rejected);
}
