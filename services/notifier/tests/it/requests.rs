//! From finished tasks to requests.

use crate::support::{PATIENCE, World};
use neptune_bus::{Cause, Incoming, Outcome};
use neptune_contracts::{
    Timestamp,
    chat::ChatRequest,
    delivery::{Delivery, DeliveryRequested, DeliverySpec},
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    ids::{DeliveryId, TaskId},
    names::{Channel, Service},
    task::TaskSubmitted,
    topology::GOVERNANCE_DELIVERY,
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_task_asks_for_each_of_its_deliveries_once() {
    let world = World::start("").await;
    let requested: Arc<Mutex<Vec<Delivery>>> = Arc::default();
    let (bus, kept, shutdown) = (world.governance.clone(), requested.clone(), Shutdown::new());
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let keep = move |incoming: Incoming<DeliveryRequested>| {
            kept.lock().unwrap().push(incoming.message.delivery);
            async { Outcome::Done }
        };
        bus.consume(&GOVERNANCE_DELIVERY, 1, &stop, keep).await.unwrap();
    });
    let mut task = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("x"));
    task.deliver = [(Channel::Webhook, "https://a.example"), (Channel::Email, "a@b.example")]
        .map(|(channel, to)| DeliverySpec { channel, to: to.into(), subject: None })
        .to_vec();
    let task = task.settle(TaskId::mint(), Timestamp::now()).unwrap();
    let error = TaskError {
        code: "no_capacity".into(),
        message: "try later".into(),
        problems: Vec::new(),
        retry_after_ms: None,
    };
    let fact = TaskFinished::without_attempts(&task, TaskOutcome::NoRoute, error, Timestamp::now());
    let executor = crate::support::connect(&world.nats, &world.namespace, Service::Executor).await;
    executor.publish(&fact, &Cause::root()).await.unwrap();
    let both = || async { requested.lock().unwrap().len() == 2 };
    wait_until("both are requested", PATIENCE, both).await;
    let mut found = requested.lock().unwrap().clone();
    found.sort_by_key(|delivery| delivery.spec.channel);
    let ids: Vec<DeliveryId> = found.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, [DeliveryId::of_task(fact.id, 0), DeliveryId::of_task(fact.id, 1)]);
    assert!(found.iter().all(|delivery| delivery.content.event == "task.no_route" && delivery.task == Some(fact.id)));
    shutdown.cancel();
}
