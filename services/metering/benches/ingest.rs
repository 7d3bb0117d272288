//! How many entries one writer puts into the ledger per second, against a private Postgres with
//! `fsync` off (`NEPTUNE_BENCH_DATABASE_URL` names another, empty one).
//! Run with `cargo bench -p neptune-metering`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, Usage},
    finished::{Outcome, TaskFinished, Times},
    ids::{AttemptId, TaskId},
    names::{Lane, Origin, TaskType, Zone},
};
use neptune_metering::{
    database,
    domain::records::{Records, of_task_finished},
    ledger::Ledger,
    migrate,
};
use neptune_testkit::Postgres;
use std::time::Instant;

const FACTS: usize = 20_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let given = std::env::var("NEPTUNE_BENCH_DATABASE_URL").ok();
    let private = if given.is_none() { Some(Postgres::start().await) } else { None };
    let url = given.unwrap_or_else(|| private.as_ref().unwrap().url());
    migrate::until_up_to_date(&url).await.unwrap();
    let ledger = Ledger::new(database::connect(&url).await.unwrap());
    ledger.make_partitions(time::OffsetDateTime::now_utc()).await.unwrap();
    println!("{:>8} {:>9} {:>14} {:>14} {:>12}", "batch", "attempts", "facts/s", "entries/s", "p50 ms");
    for (batch, attempts) in [(1, 1), (10, 1), (100, 1), (500, 1), (500, 3), (100, 20)] {
        let facts = FACTS.min(batch * 400);
        let records: Vec<Records> = (0..facts).map(|_| of_task_finished(fact(attempts)).unwrap()).collect();
        let mut took = Vec::new();
        let start = Instant::now();
        for chunk in records.chunks(batch) {
            let began = Instant::now();
            ledger.write(&chunk.iter().collect::<Vec<_>>()).await.unwrap();
            took.push(began.elapsed());
        }
        let seconds = start.elapsed().as_secs_f64();
        took.sort();
        let rate = f64::from(u32::try_from(facts).unwrap()) / seconds;
        let entries = rate * f64::from(u32::try_from(attempts).unwrap());
        let median = took.get(took.len() / 2).unwrap().as_secs_f64() * 1_000.0;
        println!("{batch:>8} {attempts:>9} {rate:>14.0} {entries:>14.0} {median:>12.2}");
    }
}

fn fact(attempts: usize) -> TaskFinished {
    let now = Timestamp::now();
    let attempts: Vec<Attempt> = (0..attempts).map(|_| attempt(now)).collect();
    TaskFinished {
        id: TaskId::mint(),
        team: "support".parse().unwrap(),
        origin: Origin::Api,
        outcome: Outcome::Completed,
        output: None,
        error: None,
        cost_usd: attempts.iter().map(|attempt| attempt.cost_usd).sum(),
        attempts,
        parked: None,
        cache: None,
        task_type: Some(TaskType::Summarization),
        lane: Lane::Realtime,
        key: Some("k1".into()),
        step: None,
        admission: None,
        route: None,
        deliver: Vec::new(),
        metadata: serde_json::Map::new(),
        fingerprint: None,
        warnings: Vec::new(),
        times: Times {
            submitted_at: now,
            admitted_at: Some(now),
            routed_at: Some(now),
            started_at: Some(now),
            finished_at: now,
            added_us: 900,
        },
    }
}

fn attempt(now: Timestamp) -> Attempt {
    Attempt {
        id: AttemptId::mint(),
        model: "openai/gpt-4.1".into(),
        provider: "openai".into(),
        zone: Zone::External,
        started_at: now,
        latency_us: 812_345,
        error: None,
        usage: Usage { input_uncached: 812, cache_read: 128, cache_write: 0, output: 211, reasoning: 0 },
        cost_usd: PicoUsd(3_312_000_000),
        estimated: false,
        limits: None,
    }
}
