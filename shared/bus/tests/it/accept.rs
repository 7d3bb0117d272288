//! Accepted means kept: the token travels, and a task ends once.

use crate::support::{World, admitted, finished, settled, submitted};
use neptune_bus::{Bus, Cause, Finish, Incoming, Outcome};
use neptune_contracts::{
    admission::TaskAdmitted,
    names::Service,
    task::TaskSubmitted,
    topology::{GOVERNANCE_SUBMITTED, ROUTER_REALTIME},
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

/// A governance that passes everything on, and a router that ends everything, unless `drop_first`
/// makes it lose the first task it sees.
async fn stages(world: &World, shutdown: &Shutdown, drop_first: bool) -> Arc<AtomicU32> {
    let seen = Arc::new(AtomicU32::new(0));
    let governance = world.bus(Service::Governance).await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let bus = bus.clone();
            async move {
                let cause = incoming.cause();
                bus.hand_on(&admitted(settled(incoming.message)), &cause).await.unwrap();
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 64, &stop, handler).await.unwrap();
    });
    let router = world.bus(Service::Router).await;
    let (bus, stop, count) = (router.clone(), shutdown.clone(), seen.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskAdmitted>| {
            let (bus, count) = (bus.clone(), count.clone());
            async move {
                let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
                if is_first && drop_first {
                    return Outcome::Done;
                }
                let accept = incoming.accept().unwrap().clone();
                bus.finish(&finished(&incoming.message.task), &accept, &incoming.cause()).await.unwrap();
                Outcome::HandedOn
            }
        };
        router.consume(&ROUTER_REALTIME, 64, &stop, handler).await.unwrap();
    });
    seen
}

async fn submit(bus: &Bus, text: &str) -> TaskSubmitted {
    let task = submitted(text);
    bus.publish(&task, &Cause::root()).await.unwrap();
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_answered_on_its_reply_subject_and_leaves_the_accept_stream() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    stages(&world, &shutdown, false).await;
    let ingress = world.bus(Service::Ingress).await;
    let replies = ingress.replies().await.unwrap();
    for round in 0..50 {
        let (reply_to, waiting) = replies.expect();
        let task = submitted(&format!("round {round}"));
        ingress.publish(&task, &Cause::root().with_reply_to(reply_to)).await.unwrap();
        let answer = waiting.wait(Duration::from_secs(5)).await.expect("no answer");
        assert_eq!(Some(answer.id), task.id);
        assert_eq!(ingress.result(&answer.team, answer.id).await.unwrap(), Some(answer));
    }
    let left = || async { world.nats.stream_messages(&world.namespace.resource("TASKS")).await == 0 };
    wait_until("the accept stream is empty", Duration::from_secs(5), left).await;
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_lost_between_the_stages_is_handed_out_again() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let seen = stages(&world, &shutdown, true).await;
    let client = world.bus(Service::Client).await;
    let task = submit(&client, "lost once").await;
    let (team, id) = (task.team.unwrap(), task.id.unwrap());
    let ended = || async { client.result(&team, id).await.unwrap().is_some() };
    wait_until("the lost task ends", Duration::from_secs(20), ended).await;
    assert_eq!(seen.load(Ordering::SeqCst), 2, "lost once, seen twice");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_submit_twice_is_one_task_and_a_second_fact_is_refused() {
    let world = World::start().await;
    let client = world.bus(Service::Client).await;
    let task = submit(&client, "twice").await;
    assert!(client.publish(&task, &Cause::root()).await.unwrap().duplicate);
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    let (sender, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, sender) = (bus.clone(), sender.clone());
            async move {
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                let task = settled(incoming.message);
                let mut first = finished(&task);
                sender.send(bus.finish(&first, &accept, &cause).await.unwrap()).unwrap();
                first.metadata.insert("second".into(), true.into());
                sender.send(bus.finish(&first, &accept, &cause).await.unwrap()).unwrap();
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 1, &stop, handler).await.unwrap();
    });
    assert_eq!(outcomes.recv().await, Some(Finish::Stored));
    assert_eq!(outcomes.recv().await, Some(Finish::Already));
    let stored = client.result(&task.team.unwrap(), task.id.unwrap()).await.unwrap().unwrap();
    assert!(stored.metadata.is_empty(), "the first fact stays");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_keeps_the_accept_alive() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    let client = world.bus(Service::Client).await;
    submit(&client, "slow").await;
    let deliveries = Arc::new(AtomicU32::new(0));
    let (bus, stop, count) = (governance.clone(), shutdown.clone(), deliveries.clone());
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, count, sender) = (bus.clone(), count.clone(), sender.clone());
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                let accept = incoming.accept().unwrap().clone();
                let lease = bus.lease("support.slow").await.unwrap().expect("the lease is free");
                assert!(bus.lease("support.slow").await.unwrap().is_none(), "a lease has one holder");
                let held = lease.hold(&accept);
                // Work that outlasts the accept's wait of ten seconds.
                let lost = tokio::time::timeout(Duration::from_secs(13), held.lost()).await.is_ok();
                sender.send(lost).unwrap();
                Outcome::Done
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    assert_eq!(done.recv().await, Some(false), "the lease was never lost");
    assert_eq!(deliveries.load(Ordering::SeqCst), 1, "signs of life keep the task from being handed out again");
    let free = || async { client.lease("support.slow").await.unwrap().is_some() };
    wait_until("an abandoned lease expires", Duration::from_secs(10), free).await;
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_a_busy_broker_stored_without_saying_so_in_time_loses_nothing() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    let client = world.bus(Service::Client).await;
    submit(&client, "slow").await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    let (sender, mut news) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, sender) = (bus.clone(), sender.clone());
            async move {
                let accept = incoming.accept().unwrap().clone();
                let lease = bus.lease("support.busy").await.unwrap().expect("the lease is free");
                let held = lease.hold(&accept);
                sender.send(false).unwrap();
                sender.send(tokio::time::timeout(Duration::from_secs(9), held.lost()).await.is_ok()).unwrap();
                Outcome::Done
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    assert_eq!(news.recv().await, Some(false));
    // The renewal after two and a half seconds is sent, and its acknowledgement is not waited for so long.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    signal(world.nats.pid(), "-STOP");
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    signal(world.nats.pid(), "-CONT");
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert!(client.lease("support.busy").await.unwrap().is_none(), "it is still held");
    assert_eq!(news.recv().await, Some(false), "the lease was never lost");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waited_long_for_a_holder_that_died_finds_its_lease_free_when_it_comes_again() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    submit(&world.bus(Service::Client).await, "late").await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    let (sender, mut free) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, sender) = (bus.clone(), sender.clone());
            async move {
                let accept = incoming.accept().unwrap().clone();
                if accept.delivery() > 1 {
                    sender.send(bus.lease("support.late").await.unwrap().is_some()).unwrap();
                    return Outcome::HandedOn;
                }
                // It waits in a queue, then its holder dies: nothing is renewed, and nothing given up.
                tokio::time::sleep(Duration::from_secs(5)).await;
                let held =
                    bus.lease_for("support.late", &accept).await.unwrap().expect("the lease is free").hold(&accept);
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(held);
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    assert_eq!(free.recv().await, Some(true));
    shutdown.cancel();
}

fn signal(pid: u32, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_lease_is_free_at_once() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    submit(&world.bus(Service::Client).await, "handed on").await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    let (sender, mut free) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, sender) = (bus.clone(), sender.clone());
            async move {
                let accept = incoming.accept().unwrap().clone();
                let held = bus.lease("support.on").await.unwrap().expect("the lease is free").hold(&accept);
                held.release().await;
                sender.send(bus.lease("support.on").await.unwrap().is_some()).unwrap();
                Outcome::Done
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 1, &stop, handler).await.unwrap();
    });
    assert_eq!(free.recv().await, Some(true));
    shutdown.cancel();
}
