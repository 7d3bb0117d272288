//! How late runs go on that all wait for the same moment: a broker, an executor and nobody else.

use super::run::SYNCED;
use crate::{resources::manifest, stack::binary};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{StreamExt as _, stream};
use neptune_bus::{Bus, BusConfig, Cause, setup};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::{Origin, Service},
    run::{RunSubmitted, finished::RunFinished},
};
use neptune_testkit::{Nats, process::Server, wait_until};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Map, json};
use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Runs that are begun a second on two cores, to be on the safe side.
const BEGUN_A_SECOND: usize = 250;
/// Submits at a time.
const AT_ONCE: usize = 64;
const LONG: Duration = Duration::from_secs(300);

/// Measures under both settings of the broker, with `count` runs that wait, and prints what came out.
#[allow(clippy::print_stdout, reason = "this is what it is for")]
pub async fn measure(count: usize) {
    for (name, config) in [("broker's default sync", ""), ("every accept synced to disk", SYNCED)] {
        let nats = Nats::start_with(config).await;
        let bus =
            Bus::connect(&BusConfig::open(nats.url(), "neptune".parse().unwrap()), Service::Operator).await.unwrap();
        setup::apply(&bus).await.unwrap();
        let until = "${ \"PT\" + (((.due - $workflow.startedAt.epoch.milliseconds) / 1000) | tostring) + \"S\" }";
        let head = json!({"dsl": "1.0.3", "namespace": "bench", "name": "waits", "version": "1.0.0"});
        let document = json!({"document": head, "do": [{"rest": {"wait": until}}, {"out": {"set": {"x": 1}}}]});
        bus.put_resource(&manifest("Workflow", "bench/waits:1.0.0", json!({"document": document}))).await.unwrap();
        let _executor = executor(&nats);
        let ends = ends(&bus).await;
        let begun = Timestamp::now();
        let due = begun.plus_millis(i64::try_from(10_000 + count * 1_000 / BEGUN_A_SECOND).unwrap());
        submit(&bus, count, due).await;
        println!("{name}: {count} runs submitted in {} ms", Timestamp::now().micros_since(begun) / 1_000);
        let timers = || async { nats.stream_messages("NEPTUNE_TIMERS").await };
        let set = || async { timers().await >= 2 * count as u64 || Timestamp::now() > due };
        wait_until("all timers are set", LONG, set).await;
        // Of each run there is one for its wait, and one for the time it may take.
        println!("  {} timers are set {} ms before", timers().await, due.micros_since(Timestamp::now()) / 1_000);
        wait_until("all have ended", LONG, || async { ends.lock().unwrap().len() >= count }).await;
        let all_ms = Timestamp::now().micros_since(due) / 1_000;
        let mut late: Vec<i64> = ends.lock().unwrap().iter().map(|end| late_ms(end, due)).collect();
        late.sort_unstable();
        let quantile = |percent: usize| late[(late.len() - 1) * percent / 100];
        let set_late = late.iter().filter(|late| **late < 0).count();
        println!(
            "  decided after the moment: first {} ms, half {} ms, 99 % {} ms, last {} ms; all ends told after {all_ms} ms; {set_late} before it",
            quantile(0),
            quantile(50),
            quantile(99),
            quantile(100),
        );
    }
}

fn executor(nats: &Nats) -> Server {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut command = Command::new(binary("executor"));
    command
        .env("NEPTUNE_NATS_URL", nats.url())
        .env("NEPTUNE_NAMESPACE", "neptune")
        .env("NEPTUNE_LOG", "warn")
        .env("NEPTUNE_GOVERNANCE_PUBLIC_KEY", BASE64_STANDARD.encode(key.public_key().as_ref()));
    Server::start(command, 0, &std::env::temp_dir().join("neptune-bench-timers.log"))
}

/// The ends of runs, as they are published.
async fn ends(bus: &Bus) -> Arc<Mutex<Vec<RunFinished>>> {
    let (mut heard, ends) = (bus.listen::<RunFinished>().await.unwrap(), Arc::<Mutex<Vec<RunFinished>>>::default());
    let kept = ends.clone();
    tokio::spawn(async move {
        while let Some(end) = heard.next().await {
            kept.lock().unwrap().push(end);
        }
    });
    ends
}

async fn submit(bus: &Bus, count: usize, due: Timestamp) {
    let submitted = (0..count).map(|_| RunSubmitted {
        id: Some(RunId::mint()),
        team: Some("support".parse().unwrap()),
        origin: Origin::Api,
        key: None,
        workflow: "bench/waits".into(),
        input: json!({"due": due.unix_micros() / 1_000}),
        metadata: Map::new(),
        parent: None,
        idempotency_key: None,
        priority: None,
        start: None,
        class: None,
        tags: Vec::new(),
    });
    let publish = async |run: RunSubmitted| {
        bus.publish(&run, &Cause::root()).await.unwrap();
    };
    stream::iter(submitted).for_each_concurrent(AT_ONCE, publish).await;
}

fn late_ms(end: &RunFinished, due: Timestamp) -> i64 {
    assert!(end.output.is_some(), "{end:?}");
    (end.finished_at.unix_micros() - due.unix_micros()) / 1_000
}
