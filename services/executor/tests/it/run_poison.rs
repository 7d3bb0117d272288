//! Runs that cannot be carried on: put aside, where everybody sees it, and no executor is kept from the others.

use crate::{
    gate::{Close, Gate},
    upstream::{Reply, Upstream},
    workflows::{chain, definition, is_running, steps},
    world::{LONG, World, planned},
};
use futures::StreamExt as _;
use neptune_bus::{Incoming, Outcome, dead};
use neptune_contracts::{
    ids::{RunId, TaskId},
    names::{Service, Zone},
    query::run::RunQuery,
    run::{
        RunSubmitted,
        changed::{RunChanged, RunState},
        finished::RunOutcome,
        input::{RunInput, RunWish},
        log::RunLogged,
    },
    topology::{EXECUTOR_RUN_INPUT, EXECUTOR_RUN_SUBMITTED},
};
use neptune_executor::runs::aside::Deaths;
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const ZONES: &str = "external,onprem";
const JSON: &str = "content-type: application/json\r\n";
const WAITS: &str = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n";
/// Longer than a log that cannot be used is looked at.
const PATIENCE: Duration = Duration::from_secs(90);

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

fn go() -> RunWish {
    RunWish::Signal { event: json!({"id": "e1", "specversion": "1.0", "source": "/test", "type": "go"}) }
}

/// Waits until a run is seen as faulted, and returns what is told of it.
async fn faulted(world: &World, run: RunId) -> String {
    let query = RunQuery { id: run, team: Some("support".parse().unwrap()) };
    let is_seen =
        || async { world.operator.request(&query).await.is_ok_and(|view| view.state == RunOutcome::Faulted.as_str()) };
    wait_until("the run is seen as faulted", PATIENCE, is_seen).await;
    world.operator.request(&query).await.unwrap().error.unwrap()["detail"].as_str().unwrap().to_owned()
}

/// Why the stored end of a run says that it is faulted.
async fn faulted_end(world: &World, run: RunId) -> String {
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Faulted);
    fact.error.unwrap()["detail"].as_str().unwrap().to_owned()
}

/// The dead letter about a run.
async fn letter(world: &World, run: RunId) -> neptune_contracts::dead::DeadLetter {
    let about = |stored: &dead::Stored| {
        stored.letter.subject.contains(&run.to_string()) && stored.letter.reason.contains(&run.to_string())
    };
    let is_there = || async { dead::list(&world.operator, 99).await.unwrap().iter().any(about) };
    wait_until("there is a dead letter", PATIENCE, is_there).await;
    dead::list(&world.operator, 99).await.unwrap().into_iter().find(about).unwrap().letter
}

/// Appends a record to a run that nobody drives.
async fn append(world: &World, run: RunId, record: Value) {
    let bus = world.bus(Service::Executor).await;
    let team = "support".parse().unwrap();
    let last = bus.run_log(Some(&team), run, 0).await.unwrap().last().unwrap().sequence;
    let (id, causes) = ("odd".to_owned(), vec!["odd".to_owned()]);
    let logged = RunLogged { id, run, team, made_of: None, causes, records: vec![record] };
    bus.append_log(&logged, last).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_none_or_crashes_its_reader_is_put_aside_and_others_go_on() {
    let world = world().await;
    let mut first = world.process(ZONES);
    let mut runs = Vec::new();
    for _ in 0..3 {
        let run = world.begin(&definition("poison", WAITS), Value::Null).await;
        world.until(run, "it listens", |view| is_running(view, "hear")).await;
        runs.push(run);
    }
    first.kill();
    let [unreadable, crashing, sound] = runs[..] else { panic!() };
    append(&world, unreadable, json!("no record")).await;
    // Whoever counts on from there overflows.
    let skipped = json!({"skipped": {"instance": u64::MAX, "name": "x", "parent": 0, "slot": 0}});
    append(&world, crashing, json!({"at_ms": 1, "changes": [skipped]})).await;
    for run in &runs {
        world.tell(*run, "s1", go()).await;
    }
    let _second = world.process(ZONES);
    assert_eq!(world.run_ended(sound).await.outcome, RunOutcome::Completed);
    for run in [unreadable, crashing] {
        assert!(faulted(&world, run).await.contains("cannot be used"));
        let letter = letter(&world, run).await;
        assert!(letter.subject.contains("run.input.v1"), "{letter:?}");
        // Its own end would take the place of this one.
        assert_eq!(world.run_ended(run).await.turn, 0);
    }
    let after = world.begin(&definition("after", "do:\n  - x: {set: {x: 1}}\n"), Value::Null).await;
    assert_eq!(world.run_ended(after).await.outcome, RunOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_which_executors_die_is_put_aside() {
    let world = world().await;
    world.apply(&definition("kills", &chain(1, 1))).await;
    // The broker hands its beginning out three times, in vain.
    let (bus, stop, tries) = (world.bus(Service::Executor).await, Shutdown::new(), Arc::new(AtomicU64::new(0)));
    let (reader, stopped, counted) = (bus.clone(), stop.clone(), tries.clone());
    let reading = tokio::spawn(async move {
        let handler = move |incoming: Incoming<RunSubmitted>| {
            let delivered = incoming.meta.delivered;
            counted.store(delivered, Ordering::SeqCst);
            let after = Duration::from_millis(if delivered < 3 { 1 } else { 1_500 });
            std::future::ready(Outcome::Retry { after })
        };
        reader.consume(&EXECUTOR_RUN_SUBMITTED, 1, &stopped, handler).await.unwrap();
    });
    let run = world.submit_run("test/kills", Value::Null).await;
    wait_until("it is suspect", LONG, || async { tries.load(Ordering::SeqCst) >= 3 }).await;
    stop.cancel();
    reading.await.unwrap();
    // An executor that dies over it leaves its note.
    let gate = Gate::before(&world.nats, Close::Before("run.log.v1.".into())).await;
    let mut doomed = world.process_through(ZONES, &gate.url());
    gate.closed().await;
    doomed.kill();
    let team = "support".parse().unwrap();
    let note = (&team, TaskId(run.0));
    assert_eq!(bus.noted::<Deaths>(note).await.unwrap(), Some(Deaths { deaths: 1 }));
    // So did others.
    bus.note(note, &Deaths { deaths: 3 }).await.unwrap();
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, fact.turn), (RunOutcome::Faulted, 0));
    assert!(faulted(&world, run).await.contains("3 executors died"));
    wait_until("its beginning is a dead letter", LONG, || async {
        dead::list(&world.operator, 9)
            .await
            .unwrap()
            .iter()
            .any(|stored| stored.letter.reason.contains(&run.to_string()))
    })
    .await;
    assert_eq!(bus.noted::<Deaths>(note).await.unwrap(), Some(Deaths::default()), "who lives takes the note back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_put_aside_and_goes_on_is_told_as_it_stands() {
    let world = world().await;
    let mut told = world.operator.listen::<RunChanged>().await.unwrap();
    let mut first = world.process(ZONES);
    let twice = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n  - again: {listen: {to: {one: {with: {type: on}}}}}\n";
    let run = world.begin(&definition("twice", twice), Value::Null).await;
    world.until(run, "it listens", |view| is_running(view, "hear")).await;
    first.kill();
    // What comes to it is handed out in vain until it is suspect, and others have died over it.
    let (bus, stop, tries) = (world.bus(Service::Executor).await, Shutdown::new(), Arc::new(AtomicU64::new(0)));
    let (reader, stopped, counted) = (bus.clone(), stop.clone(), tries.clone());
    let reading = tokio::spawn(async move {
        let handler = move |incoming: Incoming<RunInput>| {
            counted.store(incoming.meta.delivered, Ordering::SeqCst);
            std::future::ready(Outcome::Retry { after: Duration::from_millis(1) })
        };
        reader.consume(&EXECUTOR_RUN_INPUT, 1, &stopped, handler).await.unwrap();
    });
    world.tell(run, "s1", go()).await;
    wait_until("it is suspect", LONG, || async { tries.load(Ordering::SeqCst) >= 3 }).await;
    let team = "support".parse().unwrap();
    bus.note((&team, TaskId(run.0)), &Deaths { deaths: 3 }).await.unwrap();
    stop.cancel();
    reading.await.unwrap();
    let _second = world.process(ZONES);
    assert!(faulted_end(&world, run).await.contains("3 executors died"));
    let put_aside = world.run_ended(run).await;
    assert_eq!(put_aside.turn, 0);
    let about = |stored: &&dead::Stored| stored.letter.subject.contains(&run.to_string());
    let letters = || async { dead::list(&world.operator, 9).await.unwrap().iter().find(about).cloned() };
    wait_until("there is a dead letter", LONG, || async { letters().await.is_some() }).await;
    dead::replay(&world.operator, letters().await.unwrap().sequence).await.unwrap();
    world.until(run, "it goes on", |view| is_running(view, "again")).await;
    let on = async {
        loop {
            let one = told.next().await.unwrap();
            if one.id == run && one.after_aside.is_some() {
                return one;
            }
        }
    };
    let on = tokio::time::timeout(LONG, on).await.unwrap();
    assert_eq!((on.state, on.change, on.after_aside), (RunState::Running, 1, Some(put_aside.finished_at)));
    assert!(on.changed_at > put_aside.finished_at, "{on:?}");
    let event = json!({"id": "e2", "specversion": "1.0", "source": "/test", "type": "on"});
    world.tell(run, "s2", RunWish::Signal { event }).await;
    let ended = || async {
        let end = world.operator.run_result(&team, run).await.unwrap();
        end.is_some_and(|end| (end.turn, end.outcome) == (1, RunOutcome::Completed))
    };
    wait_until("its own end takes the place", LONG, ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_too_deep_to_be_read_again_fails_its_step_or_faults_its_run() {
    let world = world().await;
    world.execute(&[Zone::External, Zone::Onprem]);
    let nested = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let web = Upstream::that(Reply::With(200, JSON, nested)).await;
    let text = format!(
        "do:\n  - hold:\n      try:\n        - ask: {{call: http, with: {{method: get, endpoint: 'http://127.0.0.1:{}/x'}}}}\n      catch: {{as: error, do: [told: {{set: {{told: '${{ $error.detail }}'}}}}]}}\n",
        web.port()
    );
    let run = world.begin(&definition("deep", &text), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert!(fact.output.clone().unwrap()["told"].as_str().unwrap().contains("100 levels"), "{fact:?}");
    // What a workflow nests by itself is found when it is to be stored.
    let text = format!(
        "do:\n  - deep: {{set: {{x: '${{ reduce range(118) as $i (1; [.]) }}'}}}}\n  - ask: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{a: {{b: {{c: '${{ .x }}'}}}}}}}}}}\n",
        web.port()
    );
    let run = world.begin(&definition("deeper", &text), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Faulted, "{fact:?}");
    assert!(fact.error.unwrap()["detail"].as_str().unwrap().contains("levels deep"));
    let view = world.view(run).await;
    assert_eq!((view.state.as_str(), steps(&view, "ask").len()), ("faulted", 0), "{view:?}");
}
