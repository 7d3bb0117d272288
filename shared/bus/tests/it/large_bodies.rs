//! Bodies up to 32 MiB travel by reference.

use crate::support::{World, submitted};
use neptune_bus::{
    Cause, Incoming, Outcome, PublishError,
    dead::{self, ReplayError},
};
use neptune_contracts::{
    headers,
    names::Service,
    task::TaskSubmitted,
    topology::{GOVERNANCE_SUBMITTED, PAYLOADS_STORE},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_there_is_a_dead_letter_until_it_is() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let (operator, governance) = (world.bus(Service::Operator).await, world.bus(Service::Governance).await);
    let (sender, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            sender.send(incoming.message).unwrap();
            std::future::ready(Outcome::Done)
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    let task = submitted("whose body comes late");
    let body = serde_json::to_vec(&task).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &body);
    let name: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let context = async_nats::jetstream::new(world.nats.client().await);
    let mut map = async_nats::HeaderMap::new();
    map.insert(headers::BODY_REFERENCE, name.as_str());
    let subject = world.namespace.subject("task.submitted.v1.<team>", &["support"]);
    context.publish_with_headers(subject, map, "".into()).await.unwrap().await.unwrap();
    let kept = || async { !dead::list(&operator, 1).await.unwrap().is_empty() };
    wait_until("it is given up", Duration::from_secs(30), kept).await;
    let stored = dead::list(&operator, 1).await.unwrap().remove(0);
    assert!(stored.letter.reason.contains("not in the store of large bodies"), "{:?}", stored.letter);
    let early = dead::replay(&operator, stored.sequence).await.unwrap_err();
    assert!(matches!(early, ReplayError::Body(_)), "{early}");
    assert_eq!(dead::list(&operator, 9).await.unwrap().len(), 1, "the letter stays");
    let store = context.get_object_store(world.namespace.resource(PAYLOADS_STORE)).await.unwrap();
    store.put(name.as_str(), &mut body.as_slice()).await.unwrap();
    let id = dead::replay(&operator, stored.sequence).await.unwrap();
    let again = arrived.recv().await.unwrap();
    assert_eq!((again.id, &again.input), (id, &task.input));
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_far_above_the_broker_limit_arrives_whole_and_one_above_ours_is_refused() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let client = world.bus(Service::Client).await;
    let governance = world.bus(Service::Governance).await;
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
    for size in [10, 300 * 1024, 20 * 1024 * 1024] {
        let task = submitted(&"x".repeat(size));
        client.publish(&task, &Cause::root()).await.unwrap();
        assert_eq!(arrived.recv().await.unwrap(), task);
    }
    let error = client.publish(&submitted(&"x".repeat(33 * 1024 * 1024)), &Cause::root()).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error}");
    shutdown.cancel();
}
