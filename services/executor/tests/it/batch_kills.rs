//! Executors that are killed (-9) at each point of a batch: nothing is lost, nothing is sent or paid twice.

use crate::{
    gate::{Close, Gate},
    provider_batches::{LONGER, PROVIDERS, Simulator, answered_once, finished, number_of, submit_all, world},
};
use neptune_contracts::finished::{Outcome, TaskFinished};
use neptune_testkit::wait_until;
use serde_json::json;
use std::time::Duration;

const STATE: &str = "batch.state.v1.";

fn all_completed(facts: &[TaskFinished]) {
    assert!(facts.iter().all(|fact| fact.outcome == Outcome::Completed), "{facts:?}");
}

/// Kills an executor at the `nth` message to a subject with this text, or after it, and has another go on.
async fn killed_at(provider: &str, close: Close, count: usize) -> (Simulator, Vec<TaskFinished>) {
    let simulator = Simulator::start(json!({"delayMs": 500})).await;
    let world = world().await;
    // All tasks come before the collection closes.
    simulator.declare(&world, provider, |spec| spec["batch"]["maxWaitSeconds"] = json!(5)).await;
    let gate = Gate::before(&world.nats, close).await;
    let mut doomed = world.process_through("external", &gate.url());
    let tasks = submit_all(&world, count).await;
    // What stands before the message where the gate closed was done by then.
    gate.closed().await;
    doomed.kill();
    let _survivor = world.process("external");
    let facts = finished(&world, &tasks).await;
    all_completed(&facts);
    (simulator, facts)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_item_and_its_accept_the_task_is_found_in_its_collection() {
    let (simulator, facts) = killed_at("openai", Close::After("batch.item.v1.".into()), 1).await;
    answered_once(&simulator, &facts).await;
    assert_eq!(simulator.count("/v1/batches").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_upload_and_its_record_the_file_is_found_again() {
    let (simulator, facts) = killed_at("openai", Close::BeforeNth(STATE.into(), 2), 3).await;
    answered_once(&simulator, &facts).await;
    let batches = simulator.count("/v1/batches").await;
    assert_eq!(simulator.count("/v1/files").await, batches, "no file was sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_upload_and_the_batch_it_is_made_once() {
    for (provider, path) in PROVIDERS {
        // A batch is made after a while, for whoever is still there.
        let simulator = Simulator::start(json!({"createDelayMs": 3_000})).await;
        let world = world().await;
        simulator.declare(&world, provider, |_| {}).await;
        let mut doomed = world.process("external");
        let tasks = submit_all(&world, 1).await;
        if provider == "openai" {
            let sent = || async { simulator.count("/v1/files").await == 1 };
            wait_until("the file is sent", LONGER, sent).await;
        } else {
            wait_until("its state is stored", LONGER, || async { number_of(&world, "BATCHES").await == 2 }).await;
        }
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        doomed.kill();
        assert_eq!(simulator.count(path).await, 0, "{provider}: killed before there was one");
        let _survivor = world.process("external");
        let facts = finished(&world, &tasks).await;
        all_completed(&facts);
        answered_once(&simulator, &facts).await;
        assert_eq!(simulator.count(path).await, 1, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_batch_and_its_record_it_is_found_again() {
    for (provider, path) in PROVIDERS {
        let (simulator, facts) = killed_at(provider, Close::BeforeNth(STATE.into(), 3), 3).await;
        answered_once(&simulator, &facts).await;
        let batches = simulator.count(path).await;
        assert!(batches <= 2, "{provider}: one a window, {batches}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_waits_another_one_asks_for_the_results() {
    for (provider, path) in PROVIDERS {
        let simulator = Simulator::start(json!({"delayMs": 4_000})).await;
        let world = world().await;
        simulator.declare(&world, provider, |_| {}).await;
        let mut doomed = world.process("external");
        let tasks = submit_all(&world, 2).await;
        wait_until("the batch is made", LONGER, || async { simulator.count(path).await > 0 }).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        doomed.kill();
        assert_eq!(number_of(&world, "RESULTS").await, 0);
        let _survivor = world.process("external");
        let facts = finished(&world, &tasks).await;
        all_completed(&facts);
        answered_once(&simulator, &facts).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_the_results_the_others_are_handed_out_once() {
    for (provider, _) in PROVIDERS {
        let (simulator, facts) = killed_at(provider, Close::After("task.finished.v1.".into()), 8).await;
        answered_once(&simulator, &facts).await;
    }
}
