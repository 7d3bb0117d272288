//! What carries a run on, against a real broker with the permissions of a deployment.

use crate::support::World;
use futures::StreamExt as _;
use neptune_bus::{Append, Bus, Cause, Incoming, Outcome};
use neptune_contracts::{
    PicoUsd, Timestamp,
    ids::RunId,
    names::{Origin, Service, Team},
    run::{
        finished::{RunFinished, RunOutcome},
        input::{RunInput, RunWish},
        log::RunLogged,
        timer::{RunFired, RunTimer},
    },
    topology::{EXECUTOR_RUN_FIRED, PAYLOADS_STORE, RUN_PAYLOADS_STORE},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const SOON: Duration = Duration::from_secs(15);

fn team() -> Team {
    "support".parse().unwrap()
}

fn logged(run: RunId, id: &str) -> RunLogged {
    let records = vec![json!({"at_ms": 1, "changes": []})];
    RunLogged { id: id.into(), run, team: team(), made_of: None, causes: Vec::new(), records }
}

async fn append(bus: &Bus, run: RunId, id: &str, after: u64) -> Append {
    bus.append_log(&logged(run, id), after).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_append_at_the_same_place_one_has_to_read_again() {
    let world = World::start_with_users().await;
    let (one, two) = (world.bus(Service::Executor).await, world.bus(Service::Executor).await);
    let (run, other) = (RunId::mint(), RunId::mint());
    let Append::Stored(first) = append(&one, run, "a", 0).await else { panic!("nothing was stored before") };
    assert!(matches!(append(&two, other, "x", 0).await, Append::Stored(_)), "another run's log is another one");
    assert_eq!(append(&two, run, "b", 0).await, Append::Refused);
    let (left, right) = tokio::join!(append(&one, run, "c", first), append(&two, run, "d", first));
    assert!(matches!((left, right), (Append::Stored(_), Append::Refused) | (Append::Refused, Append::Stored(_))));
    let log = two.run_log(Some(&team()), run, 0).await.unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].sequence, log[0].logged.id.as_str()), (first, "a"));
    let rest = one.run_log(None, run, first).await.unwrap();
    assert_eq!(rest.len(), 1, "only what came after, whoever's it is");
    assert!(one.run_log(Some(&"sales".parse().unwrap()), run, 0).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_logs_and_large_records_are_read_whole() {
    let world = World::start_with_users().await;
    let bus = world.bus(Service::Executor).await;
    let run = RunId::mint();
    let mut last = 0;
    for number in 0..600 {
        let Append::Stored(next) = append(&bus, run, &number.to_string(), last).await else { panic!("{number}") };
        last = next;
    }
    let mut large = logged(run, "large");
    large.records = vec![json!("x".repeat(600 * 1024))];
    let Append::Stored(last) = bus.append_log(&large, last).await.unwrap() else { panic!("large") };
    // This one travels by reference.
    let mut huge = logged(run, "huge");
    huge.records = vec![json!("y".repeat(1_500 * 1024))];
    assert!(matches!(bus.append_log(&huge, last).await.unwrap(), Append::Stored(_)));
    let log = bus.run_log(Some(&team()), run, 0).await.unwrap();
    assert_eq!((log.len(), &log[601].logged), (602, &huge));
    assert!(log.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    assert_eq!(log[600].logged, large);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_is_stored_once_by_its_id() {
    let world = World::start_with_users().await;
    let (ingress, executor) = (world.bus(Service::Ingress).await, world.bus(Service::Executor).await);
    let run = RunId::mint();
    let input =
        |reason: &str| RunInput { run, team: team(), id: "x1".into(), what: RunWish::Cancel { reason: reason.into() } };
    assert!(ingress.publish_once(&input("first"), &Cause::root()).await.unwrap());
    assert!(!executor.publish_once(&input("second"), &Cause::root()).await.unwrap());
    let stored = executor.run_input(&team(), run, "x1").await.unwrap().unwrap();
    assert_eq!(stored, input("first"));
    assert_eq!(executor.run_input(&team(), run, "x2").await.unwrap(), None);
    // The executor's user may do what it does with timers.
    let due_at = Timestamp::now().plus_millis(60_000);
    executor.set_timer(&RunTimer { run, team: team(), timer: "1-wait-0".into(), due_at }).await.unwrap();
    executor.clear_timers(&team(), run, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_fire_once_also_over_a_restart_of_the_broker_and_not_when_cleared() {
    let mut world = World::start().await;
    let bus = world.bus(Service::Executor).await;
    let run = RunId::mint();
    let timer = |name: &str, in_ms: i64| RunTimer {
        run,
        team: team(),
        timer: name.into(),
        due_at: Timestamp::now().plus_millis(in_ms),
    };
    bus.set_timer(&timer("1-wait-0", 1_500)).await.unwrap();
    bus.set_timer(&timer("1-wait-0", 1_500)).await.unwrap();
    bus.set_timer(&timer("2-limit-0", 1_500)).await.unwrap();
    bus.set_timer(&timer("3-wait-0", -5_000)).await.unwrap();
    bus.clear_timers(&team(), run, Some("2-limit-0")).await.unwrap();
    world.nats.kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.nats.restart().await;
    let (fired, shutdown) = (Arc::new(Mutex::new(Vec::new())), Shutdown::new());
    let (heard, stop, reader) = (fired.clone(), shutdown.clone(), bus.clone());
    let reading = tokio::spawn(async move {
        let handler = move |incoming: Incoming<RunFired>| {
            heard.lock().unwrap().push(incoming.message.timer);
            std::future::ready(Outcome::Done)
        };
        reader.consume(&EXECUTOR_RUN_FIRED, 8, &stop, handler).await.unwrap();
    });
    wait_until("the timers fire", SOON, || async { fired.lock().unwrap().len() >= 2 }).await;
    let timers = world.namespace.resource("TIMERS");
    wait_until("nothing is left", SOON, || async { world.nats.stream_messages(&timers).await == 0 }).await;
    let mut names = fired.lock().unwrap().clone();
    names.sort();
    assert_eq!(names, ["1-wait-0", "3-wait-0"]);
    shutdown.cancel();
    reading.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_that_a_run_sets_when_it_is_taken_up_again_are_not_cleared_with_those_before() {
    let world = World::start().await;
    let bus = world.bus(Service::Executor).await;
    let (run, other, due_at) = (RunId::mint(), RunId::mint(), Timestamp::now().plus_millis(60_000));
    let timer = |run, name: &str| RunTimer { run, team: team(), timer: name.into(), due_at };
    bus.set_timer(&timer(run, "0-limit-0")).await.unwrap();
    bus.set_timer(&timer(other, "0-limit-0")).await.unwrap();
    let last = bus.set_timer(&timer(run, "1-wait-0")).await.unwrap();
    let again = bus.set_timer(&timer(run, "0-limit-1")).await.unwrap();
    assert_eq!((last, again), (3, 4));
    bus.clear_timers_before(&team(), run, last + 1).await.unwrap();
    bus.clear_timers_before(&team(), run, last + 1).await.unwrap();
    let timers = world.namespace.resource("TIMERS");
    assert_eq!(world.nats.stream_messages(&timers).await, 2, "the other run's, and the one that came after");
    bus.clear_timers_before(&team(), run, again + 1).await.unwrap();
    assert_eq!(world.nats.stream_messages(&timers).await, 1);
}

fn ended(run: RunId, turn: u32) -> RunFinished {
    RunFinished {
        id: run,
        team: team(),
        workflow: "a/b:1.0.0".into(),
        outcome: RunOutcome::Faulted,
        turn,
        change: turn,
        output: None,
        error: None,
        reason: None,
        cost_usd: PicoUsd::ZERO,
        origin: Origin::Api,
        key: None,
        metadata: Default::default(),
        tags: Vec::new(),
        parent: None,
        submitted_at: Timestamp::now(),
        finished_at: Timestamp::now(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_once_a_turn_and_whoever_waits_hears_of_it() {
    let world = World::start_with_users().await;
    let (executor, ingress) = (world.bus(Service::Executor).await, world.bus(Service::Ingress).await);
    let run = RunId::mint();
    let client = world.bus(Service::Operator).await;
    let mut heard = client.listen::<RunFinished>().await.unwrap();
    let first = ended(run, 1);
    executor.finish_run(&first, None).await.unwrap();
    executor.finish_run(&RunFinished { outcome: RunOutcome::Cancelled, ..first.clone() }, None).await.unwrap();
    assert_eq!(ingress.run_result(&team(), run).await.unwrap(), Some(first.clone()), "the first one stays");
    let second = RunFinished { turn: 2, outcome: RunOutcome::Completed, ..first.clone() };
    executor.finish_run(&second, Some(&format!("{}.reply.ingress.x.1", world.namespace))).await.unwrap();
    executor.finish_run(&first, None).await.unwrap();
    assert_eq!(ingress.run_result(&team(), run).await.unwrap(), Some(second), "the next turn replaces it");
    let told = tokio::time::timeout(SOON, heard.next()).await.unwrap().unwrap();
    assert_eq!(told.turn, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_of_runs_are_kept_as_long_as_their_logs() {
    let world = World::start_with_users().await;
    let (executor, ingress) = (world.bus(Service::Executor).await, world.bus(Service::Ingress).await);
    let run = RunId::mint();
    let mut huge = logged(run, "huge");
    huge.records = vec![json!("y".repeat(1_500 * 1024))];
    assert!(matches!(executor.append_log(&huge, 0).await.unwrap(), Append::Stored(_)));
    let what = RunWish::Signal { event: json!({"data": "z".repeat(1_500 * 1024)}) };
    let input = RunInput { run, team: team(), id: "x1".into(), what };
    assert!(ingress.publish_once(&input, &Cause::root()).await.unwrap());
    assert_eq!(executor.run_log(Some(&team()), run, 0).await.unwrap()[0].logged, huge);
    assert_eq!(executor.run_input(&team(), run, "x1").await.unwrap(), Some(input));
    // Both lie where nothing goes before the log does, and nothing lies where it goes after a week.
    let operator = async_nats::ConnectOptions::with_user_and_password("operator".into(), "password-OPERATOR".into());
    let context = async_nats::jetstream::new(operator.connect(world.nats.url()).await.unwrap());
    let info = async |name: String| context.get_stream(name).await.unwrap().cached_info().clone();
    let resource = |name: &str| world.namespace.resource(name);
    let (runs, bodies) = (info(resource("RUNS")).await, info(format!("OBJ_{}", resource(RUN_PAYLOADS_STORE))).await);
    assert!(bodies.config.max_age > runs.config.max_age, "{:?}", bodies.config.max_age);
    assert!(bodies.state.messages >= 4, "of each body its description and its parts");
    assert_eq!(info(format!("OBJ_{}", resource(PAYLOADS_STORE))).await.state.messages, 0);
}
