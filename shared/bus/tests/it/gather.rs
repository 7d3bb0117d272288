//! Facts that nobody waits for are fetched together, and accepts are ended together.

use crate::support::{World, finished, settled, submitted};
use futures::StreamExt as _;
use neptune_bus::{Cause, Incoming, Outcome};
use neptune_contracts::{
    finished::TaskFinished,
    names::Service,
    task::TaskSubmitted,
    topology::{GATHER_MS, GOVERNANCE_SUBMITTED, NOTIFIER_FINISHED},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const FACTS: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn finished_facts_are_fetched_together_and_none_is_left_out() {
    let world = World::start().await;
    let requests = requests(&world).await;
    let shutdown = Shutdown::new();
    let (notifier, stop, begun) = (world.bus(Service::Notifier).await, shutdown.clone(), Instant::now());
    let seen: Arc<Mutex<HashSet<String>>> = Arc::default();
    let for_handler = seen.clone();
    let consuming = tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskFinished>| {
            let seen = for_handler.clone();
            async move {
                let is_new = seen.lock().unwrap().insert(incoming.message.id.to_string());
                assert!(is_new, "a fact came twice");
                Outcome::Done
            }
        };
        notifier.consume(&NOTIFIER_FINISHED, 64, &stop, handler).await.unwrap();
    });
    let executor = world.bus(Service::Executor).await;
    for index in 0..FACTS {
        let fact = finished(&settled(submitted(&format!("fact {index}"))));
        executor.publish(&fact, &Cause::root()).await.unwrap();
    }
    let all = || async { seen.lock().unwrap().len() == FACTS };
    wait_until("every fact is seen", Duration::from_secs(20), all).await;
    let rests = u64::try_from(begun.elapsed().as_millis()).unwrap() / GATHER_MS;
    let (made, filled) = (requests.load(Ordering::SeqCst), (FACTS / 64) as u64);
    // A fetch that was filled is followed by another at once, and may ask for less than 64 while handlers work.
    assert!(made <= rests + 3 * filled + 2, "{made} fetches, with {rests} rests");
    shutdown.cancel();
    consuming.await.unwrap();
}

/// Counts how often the notifier asks for facts.
async fn requests(world: &World) -> Arc<AtomicU64> {
    let stream = world.namespace.resource("RESULTS");
    let client = world.nats.client().await;
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", NOTIFIER_FINISHED.name);
    let mut asked = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Some(request) = asked.next().await {
            let request: serde_json::Value = serde_json::from_slice(&request.payload).unwrap();
            assert_eq!(request["no_wait"], true, "each fetch ends with what is there");
            counted.fetch_add(1, Ordering::SeqCst);
        }
        drop(client);
    });
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_ends_the_accepts_of_what_it_finished() {
    let world = World::start().await;
    let (client, governance) = (world.bus(Service::Client).await, world.bus(Service::Governance).await);
    let shutdown = Shutdown::new();
    let (bus, stop) = (governance.clone(), shutdown.clone());
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let consuming = tokio::spawn(async move {
        let consumer = bus.clone();
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, sender) = (bus.clone(), sender.clone());
            async move {
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                let fact = finished(&settled(incoming.message));
                sender.send(bus.finish(&fact, &accept, &cause).await.unwrap()).unwrap();
                Outcome::HandedOn
            }
        };
        consumer.consume(&GOVERNANCE_SUBMITTED, 8, &stop, handler).await.unwrap();
    });
    for index in 0..20 {
        client.publish(&submitted(&format!("task {index}")), &Cause::root()).await.unwrap();
        ended.recv().await.unwrap();
    }
    shutdown.cancel();
    consuming.await.unwrap();
    governance.close().await;
    let left = || async { world.nats.stream_messages(&world.namespace.resource("TASKS")).await == 0 };
    // Well below the accept's wait: nothing was left to be handed out again.
    wait_until("no accept is left", Duration::from_secs(2), left).await;
}
