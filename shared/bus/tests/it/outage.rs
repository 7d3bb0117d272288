//! The broker dies and comes back.

use crate::support::{World, finished, settled, submitted};
use neptune_bus::{Bus, BusConfig, Cause, Incoming, Outcome, setup};
use neptune_contracts::{names::Service, task::TaskSubmitted, topology::GOVERNANCE_SUBMITTED};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_when_the_broker_is_killed_under_load() {
    let mut world = World::start().await;
    let shutdown = Shutdown::new();
    let governance = world.bus(Service::Governance).await;
    let client = world.bus(Service::Client).await;
    let (bus, stop) = (governance.clone(), shutdown.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let bus = bus.clone();
            async move {
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                match bus.finish(&finished(&settled(incoming.message)), &accept, &cause).await {
                    Ok(_) => Outcome::HandedOn,
                    Err(_) => Outcome::Retry { after: Duration::from_millis(50) },
                }
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 16, &stop, handler).await.unwrap();
    });
    let mut accepted = Vec::new();
    for round in 0..300 {
        if round == 100 || round == 200 {
            world.nats.kill().await;
            world.nats.restart().await;
        }
        let task = submitted(&format!("round {round}"));
        client.publish(&task, &Cause::root()).await.unwrap();
        accepted.push((task.team.unwrap(), task.id.unwrap()));
    }
    for (team, id) in accepted {
        let ended = || async { client.result(&team, id).await.is_ok_and(|found| found.is_some()) };
        wait_until("an accepted task ends", Duration::from_secs(30), ended).await;
    }
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn services_start_before_the_broker_has_anything() {
    let world = neptune_testkit::Nats::start().await;
    let namespace = neptune_testkit::namespace();
    let config = BusConfig::open(world.url(), namespace);
    let governance = Bus::connect(&config, Service::Governance).await.unwrap();
    let shutdown = Shutdown::new();
    let (sender, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let sender = sender.clone();
            async move {
                sender.send(incoming.message).unwrap();
                Outcome::Done
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    let operator = Bus::connect(&config, Service::Operator).await.unwrap();
    let first = setup::apply(&operator).await.unwrap();
    assert_eq!(setup::apply(&operator).await.unwrap(), first, "setting up again changes nothing");
    let task = submitted("early");
    operator.publish(&task, &Cause::root()).await.unwrap();
    assert_eq!(arrived.recv().await.unwrap(), task);
    shutdown.cancel();
}
