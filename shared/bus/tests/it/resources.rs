//! Resources are followed live.

use crate::support::World;
use neptune_contracts::{names::Service, resource::Manifest};
use neptune_runtime::Shutdown;
use serde_json::json;
use std::time::Duration;

fn team(name: &str, models: &[&str]) -> Manifest {
    serde_json::from_value(json!({
        "apiVersion": "neptune/v1", "kind": "Team", "metadata": {"name": name}, "spec": {"models": models}
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_a_follower_and_survive_a_broker_restart() {
    let mut world = World::start().await;
    let shutdown = Shutdown::new();
    let operator = world.bus(Service::Operator).await;
    let router = world.bus(Service::Router).await;
    let mut resources = router.resources(&shutdown).await.unwrap();
    assert!(resources.borrow().teams.is_empty());
    operator.put_resource(&team("support", &["a/b:c"])).await.unwrap();
    let wait = Duration::from_secs(20);
    let has = |name: &'static str, wanted: bool| {
        move |found: &std::sync::Arc<neptune_contracts::resource::Resources>| found.teams.contains_key(name) == wanted
    };
    tokio::time::timeout(wait, resources.wait_for(has("support", true))).await.unwrap().unwrap();
    assert_eq!(operator.stored_resources().await.unwrap()["team/support"]["models"], json!(["a/b:c"]));
    world.nats.kill().await;
    world.nats.restart().await;
    operator.put_resource(&team("sales", &[])).await.unwrap();
    tokio::time::timeout(wait, resources.wait_for(has("sales", true))).await.unwrap().unwrap();
    operator.delete_resource("team/support").await.unwrap();
    tokio::time::timeout(wait, resources.wait_for(has("support", false))).await.unwrap().unwrap();
    let late = router.resources(&shutdown).await.unwrap();
    assert_eq!(late.borrow().teams.keys().collect::<Vec<_>>(), ["sales"]);
    shutdown.cancel();
}
