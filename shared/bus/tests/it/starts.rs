//! Cells of what starts and admits runs, with the permissions of a deployment.

use crate::support::World;
use neptune_contracts::names::Service;
use neptune_testkit::wait_until;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const SOON: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_is_changed_by_one_after_the_other_survives_the_broker_and_is_followed() {
    let mut world = World::start_with_users().await;
    let (one, two) = (world.bus(Service::Executor).await, world.bus(Service::Executor).await);
    let seen: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
    let (kept, reader) = (seen.clone(), two.clone());
    tokio::spawn(async move {
        let take = |name: String, cell: neptune_bus::Cell| drop(kept.lock().unwrap().insert(name, cell.body.to_vec()));
        reader.follow_start_cells(take).await;
    });
    let name = "gate.support.a1";
    assert_eq!(one.start_cell(name).await.unwrap().revision, 0);
    let (left, right) =
        tokio::join!(one.set_start_cell(name, b"1".to_vec(), 0), two.set_start_cell(name, b"2".to_vec(), 0));
    let (left, right) = (left.unwrap(), right.unwrap());
    assert!(left.is_some() != right.is_some(), "one of two: {left:?} {right:?}");
    let cell = two.start_cell(name).await.unwrap();
    assert_eq!(cell.body.as_ref(), if left.is_some() { b"1" } else { b"2" });
    let next = one.set_start_cell(name, b"3".to_vec(), cell.revision).await.unwrap().unwrap();
    let is_seen = |body: &'static [u8]| {
        let seen = seen.clone();
        move || std::future::ready(seen.lock().unwrap().get(name).is_some_and(|seen| seen == body))
    };
    wait_until("the change is seen", SOON, is_seen(b"3")).await;
    world.nats.kill().await;
    world.nats.restart().await;
    let back = || async { one.start_cell(name).await.is_ok_and(|cell| cell.revision == next) };
    wait_until("the broker has it still", SOON, back).await;
    assert_eq!(one.start_cell(name).await.unwrap().body.as_ref(), b"3");
    assert_eq!(one.set_start_cell(name, b"late".to_vec(), cell.revision).await.unwrap(), None);
    one.set_start_cell(name, Vec::new(), next).await.unwrap().unwrap();
    wait_until("that it was emptied is seen", SOON, is_seen(b"")).await;
}
