//! Tasks that wait on the broker's timer: stored before their accept ends, back once, at their time.

use crate::support::{World, admitted, finished, settled, submitted};
use neptune_bus::{Cause, Incoming, Outcome};
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

const SOON: Duration = Duration::from_secs(20);
const WAIT: Wait<'static> = Wait { for_ms: 1_500, because: "a test", attempts: &[], at_most_ms: 60_000 };

/// A governance that passes on what is submitted and what comes back, and a router that parks each
/// task the first time, and twice over, and ends it the second. Counts what comes back.
async fn stages(world: &World, shutdown: &Shutdown) -> Arc<AtomicU32> {
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
    let router = world.bus(Service::Router).await;
    let (bus, stop) = (router.clone(), shutdown.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskAdmitted>| {
            let bus = bus.clone();
            async move {
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                let task = incoming.message.task;
                if task.parked.is_some() {
                    bus.finish(&finished(&task), &accept, &cause).await.unwrap();
                } else {
                    let parked = task.park(&WAIT, Timestamp::now()).unwrap();
                    bus.park(&parked, &accept, &cause).await.unwrap();
                    bus.park(&parked, &accept, &cause).await.unwrap();
                }
                Outcome::HandedOn
            }
        };
        router.consume(&ROUTER_REALTIME, 64, &stop, handler).await.unwrap();
    });
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
