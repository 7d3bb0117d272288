//! Tasks that wait for a batch: stored once, found, ended once, and read by executors of their zone alone. All with the
//! permissions that a deployment has.

use crate::{
    permissions::as_user,
    support::{World, finished, submitted},
};
use async_nats::{ConnectOptions, jetstream};
use neptune_bus::{Accept, Append, Bus, Cause, Finish, Incoming, Outcome};
use neptune_contracts::{
    Timestamp,
    batch::{BatchDue, BatchItem, BatchState, BatchTimer, Collection},
    ids::AttemptId,
    names::{Service, Zone},
    parked::{TaskResumed, Wait},
    plan::TaskRouted,
    task::TaskSubmitted,
    topology::{EXECUTOR_EXTERNAL_BATCHES, GOVERNANCE_RESUMED, GOVERNANCE_SUBMITTED},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const SOON: Duration = Duration::from_secs(20);

fn item(zone: Zone) -> BatchItem {
    let sample = format!("{}/../contracts/tests/golden/task.routed.v1.0.json", env!("CARGO_MANIFEST_DIR"));
    let mut routed: TaskRouted = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
    let now = Timestamp::now();
    (routed.task.team, routed.task.submitted_at) = ("support".parse().unwrap(), now);
    routed.task.constraints.deadline = None;
    let collection = Collection::open(zone, "acme/a.1", 60, now);
    BatchItem { collection, attempt: AttemptId::mint(), collected_at: now, routed }
}

/// A task's accept, and what caused it, as they come to an executor.
async fn accepted(world: &World, reply_to: &str, stop: &Shutdown) -> (Accept, Cause) {
    let (governance, operator) = (world.bus(Service::Governance).await, world.bus(Service::Operator).await);
    let (told, mut tokens) = unbounded_channel();
    let stop = stop.clone();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            told.send((incoming.accept().unwrap().clone(), incoming.cause())).ok();
            async { Outcome::HandedOn }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    operator.publish(&submitted("hello"), &Cause::root().with_reply_to(reply_to)).await.unwrap();
    tokens.recv().await.unwrap()
}

/// The looks that are due.
fn dues(executor: &Bus, stop: &Shutdown) -> UnboundedReceiver<String> {
    let (told, dues) = unbounded_channel();
    let (bus, stop) = (executor.clone(), stop.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<BatchDue>| {
            told.send(incoming.message.timer).ok();
            async { Outcome::Done }
        };
        bus.consume(&EXECUTOR_EXTERNAL_BATCHES, 4, &stop, handler).await.unwrap();
    });
    dues
}

async fn number_of(world: &World, stream: &str) -> u64 {
    let options = ConnectOptions::with_user_and_password("operator".into(), "password-OPERATOR".into());
    let context = jetstream::new(options.connect(world.nats.url()).await.unwrap());
    let stream = context.get_stream(world.namespace.resource(stream)).await.unwrap();
    stream.cached_info().state.messages
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_outlives_its_accept_is_found_by_its_task_and_ends_in_one_fact_and_one_answer() {
    let (world, stop) = (World::start_with_users().await, Shutdown::new());
    let (executor, ingress) = (world.bus(Service::Executor).await, world.bus(Service::Ingress).await);
    let operator = world.bus(Service::Operator).await;
    let replies = operator.replies_on("_INBOX.support.batch".to_owned()).await.unwrap();
    let (reply_to, answer) = replies.expect();
    let (accept, cause) = accepted(&world, &reply_to, &stop).await;
    let item = item(Zone::External);
    let (team, task) = (item.routed.task.team.clone(), item.routed.task.id);
    assert!(executor.collected(&team, task).await.unwrap().is_empty());
    executor.collect(&item, &accept, &cause).await.unwrap();
    executor.collect(&item, &accept, &cause).await.unwrap();
    let mut dues = dues(&executor, &stop);
    let timer = |timer: &str| {
        let due_at = Timestamp::now().plus_millis(300);
        BatchTimer { collection: item.collection.clone(), timer: timer.to_owned(), due_at }
    };
    executor.await_batch(&[timer("close"), timer("close"), timer("own")], &accept).await.unwrap();
    let mut fired = [dues.recv().await.unwrap(), dues.recv().await.unwrap()];
    fired.sort();
    assert_eq!(fired, ["close", "own"], "each once");
    let gone = || async { number_of(&world, "TASKS").await == 0 };
    wait_until("the accept is gone", SOON, gone).await;
    assert!(ingress.is_under_way(&team, task).await.unwrap());

    let places = executor.collection(&item.collection).await.unwrap();
    assert_eq!((places.len(), places[0].zone, &places[0].team, places[0].task), (1, Zone::External, &team, task));
    assert_eq!(executor.collected(&team, task).await.unwrap(), places);
    let other = Collection::open(Zone::External, "acme/a_1", 60, Timestamp::now());
    assert!(executor.collection(&other).await.unwrap().is_empty(), "another model's");
    let stored = executor.item(&places[0]).await.unwrap().unwrap();
    assert_eq!(stored.item, item);
    let fact = finished(&item.routed.task);
    assert_eq!(executor.finish_collected(&fact, &stored).await.unwrap(), Finish::Stored);
    assert_eq!(executor.finish_collected(&fact, &stored).await.unwrap(), Finish::Already);
    assert!(executor.item(&places[0]).await.unwrap().is_none());
    assert_eq!(number_of(&world, "BATCHES").await, 0);
    assert_eq!(answer.wait(SOON).await.unwrap().id, task);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_back_comes_to_governance_with_the_same_reply_subject() {
    let (world, stop) = (World::start_with_users().await, Shutdown::new());
    let executor = world.bus(Service::Executor).await;
    let (accept, cause) = accepted(&world, "_INBOX.support.back", &stop).await;
    let item = item(Zone::External);
    executor.collect(&item, &accept, &cause).await.unwrap();
    let place = executor.collected(&item.routed.task.team, item.routed.task.id).await.unwrap().remove(0);
    let stored = executor.item(&place).await.unwrap().unwrap();
    let wait = Wait { for_ms: 0, because: "a test", attempts: &[], at_most_ms: u64::MAX };
    let parked = item.routed.task.park(&wait, Timestamp::now()).unwrap();
    executor.put_back(&parked, &stored).await.unwrap();
    executor.put_back(&parked, &stored).await.unwrap();
    assert_eq!(number_of(&world, "BATCHES").await, 0);
    let (governance, stop_it) = (world.bus(Service::Governance).await, stop.clone());
    let (told, mut back) = unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskResumed>| {
            told.send((incoming.message.task.id, incoming.accept().unwrap().is_awaited())).ok();
            async { Outcome::Done }
        };
        governance.consume(&GOVERNANCE_RESUMED, 4, &stop_it, handler).await.unwrap();
    });
    assert_eq!(back.recv().await.unwrap(), (item.routed.task.id, true));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(back.try_recv().is_err(), "once");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_states_of_a_collection_at_the_same_time_one_is_stored() {
    let world = World::start_with_users().await;
    let executor = world.bus(Service::Executor).await;
    let collection = item(Zone::External).collection;
    let state = BatchState { collection: collection.clone(), batches: Vec::new() };
    assert_eq!(executor.batch_state(&collection).await.unwrap(), (None, 0));
    let Append::Stored(first) = executor.set_batch_state(&state, 0).await.unwrap() else { panic!("the first") };
    assert_eq!(executor.set_batch_state(&state, 0).await.unwrap(), Append::Refused);
    let Append::Stored(second) = executor.set_batch_state(&state, first).await.unwrap() else { panic!("the next") };
    assert_eq!(executor.set_batch_state(&state, first).await.unwrap(), Append::Refused);
    assert_eq!(executor.batch_state(&collection).await.unwrap(), (Some(state.clone()), second));
    assert_eq!(number_of(&world, "BATCHES").await, 1, "only the last one is kept");
    executor.drop_batch_state(second).await.unwrap();
    executor.drop_batch_state(second).await.unwrap();
    assert_eq!(executor.batch_state(&collection).await.unwrap(), (None, 0));
    assert!(matches!(executor.set_batch_state(&state, 0).await.unwrap(), Append::Stored(_)), "it may begin anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_of_one_zone_reads_no_item_of_another() {
    let (world, stop) = (World::start_with_users().await, Shutdown::new());
    let executor = world.bus(Service::Executor).await;
    let (accept, cause) = accepted(&world, "_INBOX.support.zones", &stop).await;
    let one_zone = async |zone: &str| {
        let password = format!("password-EXECUTOR_{}", zone.to_ascii_uppercase());
        let config = as_user(&world.nats, &world.namespace, &format!("executor-{zone}"), &password);
        Bus::connect(&config, Service::Executor).await.unwrap()
    };
    let (external, onprem) = (one_zone("external").await, one_zone("onprem").await);
    let item = item(Zone::Onprem);
    executor.collect(&item, &accept, &cause).await.unwrap();
    let place = executor.collection(&item.collection).await.unwrap().remove(0);
    assert_eq!(onprem.item(&place).await.unwrap().unwrap().item, item);
    external.item(&place).await.unwrap_err();
    external.batch_state(&item.collection).await.unwrap_err();
    assert_eq!(onprem.batch_state(&item.collection).await.unwrap(), (None, 0));
    let stored = onprem.item(&place).await.unwrap().unwrap();
    onprem.drop_collected(&stored).await.unwrap();
    assert!(executor.item(&place).await.unwrap().is_none());
    stop.cancel();
}
