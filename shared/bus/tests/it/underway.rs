//! Tasks that are under way are told from those that nobody knows, by the broker's memory alone.

use crate::support::{World, settled, submitted};
use neptune_bus::{Cause, Incoming, Outcome};
use neptune_contracts::{
    Timestamp,
    ids::TaskId,
    names::{Origin, Service, Team},
    parked::Wait,
    task::TaskSubmitted,
    topology::GOVERNANCE_SUBMITTED,
};
use neptune_runtime::Shutdown;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

const WAIT: Wait<'static> = Wait { for_ms: 30_000, because: "a test", attempts: &[], at_most_ms: 60_000 };

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_task_is_known_and_asking_stores_nothing() {
    let world = World::start_with_users().await;
    let ingress = world.bus(Service::Ingress).await;
    let (support, sales): (Team, Team) = ("support".parse().unwrap(), "sales".parse().unwrap());
    let task = TaskSubmitted { origin: Origin::Api, ..submitted("hello") };
    let id = task.id.unwrap();
    assert!(!ingress.is_under_way(&support, id).await.unwrap(), "nobody has submitted it yet");
    ingress.publish(&task, &Cause::root()).await.unwrap();
    assert!(ingress.is_under_way(&support, id).await.unwrap());
    assert!(!ingress.is_under_way(&sales, id).await.unwrap(), "another team's task of this id is another task");
    assert!(!ingress.is_under_way(&support, TaskId::mint()).await.unwrap());
    assert!(ingress.publish(&task, &Cause::root()).await.unwrap().duplicate, "a repeat is still one");
    assert_eq!(ingress.publish(&submitted("next"), &Cause::root()).await.unwrap().sequence, 2, "asking stored nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_was_begun_is_known() {
    let world = World::start_with_users().await;
    let (ingress, executor) = (world.bus(Service::Ingress).await, world.bus(Service::Executor).await);
    let (support, id): (Team, TaskId) = ("support".parse().unwrap(), TaskId::mint());
    executor.note((&support, id), &"begun").await.unwrap();
    let seen = || async { ingress.is_under_way(&support, id).await.unwrap() };
    neptune_testkit::wait_until("the note is there", Duration::from_secs(10), seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_on_a_timer_is_known() {
    let world = World::start_with_users().await;
    let (ingress, governance) = (world.bus(Service::Ingress).await, world.bus(Service::Governance).await);
    let (router, stop) = (world.bus(Service::Router).await, Shutdown::new());
    let (told, mut parked) = unbounded_channel();
    let on = stop.clone();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (router, told) = (router.clone(), told.clone());
            async move {
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                let task = settled(incoming.message);
                router.park(&task.park(&WAIT, Timestamp::now()).unwrap(), &accept, &cause).await.unwrap();
                told.send(task.id).ok();
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 1, &on, handler).await.unwrap();
    });
    // Without an id of its own, so that the broker does not know it by its message id.
    let task = TaskSubmitted { id: None, origin: Origin::Api, ..submitted("wait") };
    ingress.publish(&task, &Cause::root()).await.unwrap();
    let id = tokio::time::timeout(Duration::from_secs(20), parked.recv()).await.unwrap().unwrap();
    let team = "support".parse().unwrap();
    assert!(ingress.is_under_way(&team, id).await.unwrap());
    let parked = ingress.parked(&team, id).await.unwrap().unwrap();
    assert_eq!((parked.parking.times, parked.parking.because.as_str()), (1, WAIT.because));
    assert!(parked.until > parked.since && ingress.parked(&team, TaskId::mint()).await.unwrap().is_none());
    stop.cancel();
}
