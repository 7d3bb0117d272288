//! Bodies up to 32 MiB travel by reference.

use crate::support::{World, submitted};
use neptune_bus::{Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{names::Service, task::TaskSubmitted, topology::GOVERNANCE_SUBMITTED};
use neptune_runtime::Shutdown;

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
