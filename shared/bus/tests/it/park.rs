//! Tasks that wait on the broker's timer: stored before their accept ends, back once, at their time.

use crate::support::{World, admitted, finished, settled, submitted};
use neptune_bus::{Bus, BusConfig, Cause, Incoming, Outcome};
use neptune_contracts::{
    Timestamp,
    admission::TaskAdmitted,
    finished::TaskFinished,
    names::{Origin, Service},
    parked::{TaskResumed, Wait},
    task::TaskSubmitted,
    topology::{GOVERNANCE_RESUMED, GOVERNANCE_SUBMITTED, ROUTER_REALTIME},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const SOON: Duration = Duration::from_secs(20);
const WAIT: Wait<'static> = Wait { for_ms: 1_500, because: "a test", attempts: &[], at_most_ms: 60_000 };

/// A governance that passes on what is submitted and what comes back; counts the latter.
async fn govern(world: &World, shutdown: &Shutdown) -> Arc<AtomicU32> {
    let resumed = Arc::new(AtomicU32::new(0));
    let governance = world.bus(Service::Governance).await;
    let (bus, consumer, stop) = (governance.clone(), governance.clone(), shutdown.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let bus = bus.clone();
            async move {
                let cause = incoming.cause();
                bus.hand_on(&admitted(settled(incoming.message)), &cause).await.unwrap();
                Outcome::HandedOn
            }
        };
        consumer.consume(&GOVERNANCE_SUBMITTED, 64, &stop, handler).await.unwrap();
    });
    let (bus, stop, count) = (governance.clone(), shutdown.clone(), resumed.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskResumed>| {
            let (bus, count) = (bus.clone(), count.clone());
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                let cause = incoming.cause();
                let task = incoming.message.task.resumed(incoming.meta.stored_at);
                bus.hand_on(&admitted(task), &cause).await.unwrap();
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_RESUMED, 64, &stop, handler).await.unwrap();
    });
    resumed
}

/// A router that parks each task the first time, and twice over, and ends it the second. Tells of
/// each that it parked.
async fn route(router: Bus, shutdown: Shutdown, parked: UnboundedSender<()>) {
    let bus = router.clone();
    let handler = move |incoming: Incoming<TaskAdmitted>| {
        let (bus, told) = (bus.clone(), parked.clone());
        async move {
            let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
            let task = incoming.message.task;
            if task.parked.is_some() {
                bus.finish(&finished(&task), &accept, &cause).await.unwrap();
            } else {
                let parked = task.park(&WAIT, Timestamp::now()).unwrap();
                bus.park(&parked, &accept, &cause).await.unwrap();
                bus.park(&parked, &accept, &cause).await.unwrap();
                told.send(()).ok();
            }
            Outcome::HandedOn
        }
    };
    router.consume(&ROUTER_REALTIME, 64, &shutdown, handler).await.unwrap();
}

/// Both.
async fn stages(world: &World, shutdown: &Shutdown) -> Arc<AtomicU32> {
    let resumed = govern(world, shutdown).await;
    tokio::spawn(route(world.bus(Service::Router).await, shutdown.clone(), unbounded_channel().0));
    resumed
}

fn check(fact: &TaskFinished, task: &TaskSubmitted) {
    let parking = fact.parked.as_ref().unwrap();
    assert_eq!(
        (Some(fact.id), fact.origin, parking.times, parking.because.as_str()),
        (task.id, Origin::Api, 1, "a test")
    );
    assert!((1_500..20_000).contains(&parking.total_ms), "{parking:?}");
    let whole_us = fact.times.finished_at.micros_since(fact.times.submitted_at);
    assert_eq!(fact.times.added_us, whole_us - parking.total_ms * 1_000, "waiting is not Neptune's own time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_task_comes_back_once_and_is_answered_where_its_caller_waits() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let resumed = stages(&world, &shutdown).await;
    let ingress = world.bus(Service::Ingress).await;
    let replies = ingress.replies().await.unwrap();
    let (reply_to, waiting) = replies.expect();
    let task = TaskSubmitted { origin: Origin::Api, key: Some("k1".into()), ..submitted("wait") };
    ingress.publish(&task, &Cause::root().with_reply_to(reply_to)).await.unwrap();
    let is_parked = || async {
        world.nats.stream_messages(&world.namespace.resource("TIMERS")).await == 1
            && world.nats.stream_messages(&world.namespace.resource("TASKS")).await == 0
    };
    wait_until("the accept has ended and only the timer is left", SOON, is_parked).await;
    let fact = waiting.wait(SOON).await.expect("no answer");
    check(&fact, &task);
    assert_eq!(fact.key.as_deref(), Some("k1"));
    let is_empty = || async { world.nats.stream_messages(&world.namespace.resource("TIMERS")).await == 0 };
    wait_until("the timer's stream is empty", SOON, is_empty).await;
    assert_eq!(resumed.load(Ordering::SeqCst), 1, "parked twice, it comes back once");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_permissions_let_router_and_governance_park_and_resume() {
    let world = World::start_with_users().await;
    let shutdown = Shutdown::new();
    let resumed = stages(&world, &shutdown).await;
    let ingress = world.bus(Service::Ingress).await;
    let replies = ingress.replies().await.unwrap();
    let (reply_to, waiting) = replies.expect();
    let task = TaskSubmitted { origin: Origin::Api, ..submitted("wait") };
    ingress.publish(&task, &Cause::root().with_reply_to(reply_to)).await.unwrap();
    check(&waiting.wait(SOON).await.expect("no answer"), &task);
    assert_eq!(resumed.load(Ordering::SeqCst), 1);
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_task_survives_the_brokers_crash() {
    let mut world = World::start().await;
    let shutdown = Shutdown::new();
    let resumed = stages(&world, &shutdown).await;
    let ingress = world.bus(Service::Ingress).await;
    let tasks: Vec<TaskSubmitted> =
        (0..20).map(|_| TaskSubmitted { origin: Origin::Api, ..submitted("wait") }).collect();
    for task in &tasks {
        ingress.publish(task, &Cause::root()).await.unwrap();
    }
    let timers = world.namespace.resource("TIMERS");
    let all_wait = || async { world.nats.stream_messages(&timers).await == 20 };
    wait_until("all tasks wait", SOON, all_wait).await;
    world.nats.kill().await;
    // The time of all of them passes while nobody could tell.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.nats.restart().await;
    for task in &tasks {
        let (team, id) = (task.team.clone().unwrap(), task.id.unwrap());
        let ended = || async { ingress.result(&team, id).await.is_ok_and(|fact| fact.is_some()) };
        wait_until("it ends", SOON, ended).await;
        check(&ingress.result(&team, id).await.unwrap().unwrap(), task);
    }
    assert_eq!(resumed.load(Ordering::SeqCst), 20);
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dies_between_the_timer_and_the_end_of_the_accept_leaves_one_task() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let resumed = govern(&world, &shutdown).await;
    let (url, namespace) = (world.nats.url(), world.namespace.clone());
    let (told, mut parked) = unbounded_channel();
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stop = shutdown.clone();
    doomed.spawn(async move {
        let router = Bus::connect(&BusConfig::open(url, namespace), Service::Router).await.unwrap();
        route(router, stop, told).await;
    });
    let ingress = world.bus(Service::Ingress).await;
    let task = TaskSubmitted { origin: Origin::Api, ..submitted("wait") };
    ingress.publish(&task, &Cause::root()).await.unwrap();
    parked.recv().await.unwrap();
    // Accepts are acknowledged some time after; this one is not any more.
    doomed.shutdown_background();
    let accepts = world.namespace.resource("TASKS");
    assert_eq!(world.nats.stream_messages(&accepts).await, 1, "the accept is still there");
    tokio::spawn(route(world.bus(Service::Router).await, shutdown.clone(), unbounded_channel().0));
    let (team, id) = (task.team.clone().unwrap(), task.id.unwrap());
    let ended = || async { ingress.result(&team, id).await.unwrap().is_some() };
    wait_until("the timer brings it back and it ends", SOON, ended).await;
    check(&ingress.result(&team, id).await.unwrap().unwrap(), &task);
    // The accept is handed out again, and parked again: the same timer, which is a duplicate.
    let is_empty = || async {
        world.nats.stream_messages(&accepts).await == 0
            && world.nats.stream_messages(&world.namespace.resource("TIMERS")).await == 0
    };
    wait_until("accept and timer are gone", Duration::from_secs(30), is_empty).await;
    assert_eq!(resumed.load(Ordering::SeqCst), 1);
    shutdown.cancel();
}
