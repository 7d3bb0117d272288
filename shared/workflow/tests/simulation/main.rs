//! Deterministic simulation of runs: a broker that hands things out twice, late and in any order, and an engine
//! that crashes before it stores a decision, after it stored one, and after it did what that asks for.
//!
//! Each history has a seed; a failing one is printed, and `NEPTUNE_SIMULATION_SEED` repeats it alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs
)]

mod broker;
mod workflows;

use broker::{Broker, Chance};
use neptune_workflow::definition::Definition;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Histories of one test run.
const HISTORIES: u64 = 100_000;

/// One history; how the run ended and how many decisions changed something.
fn history(definitions: &[(&str, Definition)], seed: u64) -> Result<(&'static str, usize), String> {
    let mut chance = Chance::new(seed);
    let (name, definition) = &definitions[chance.below(definitions.len() as u64) as usize];
    let mut broker = Broker::new(definition, chance);
    broker.play().map_err(|fault| format!("seed {seed}, workflow {name}: {fault}"))
}

#[test]
fn every_history_ends_well() {
    let definitions = workflows::definitions();
    if let Ok(seed) = std::env::var("NEPTUNE_SIMULATION_SEED") {
        let ended = history(&definitions, seed.parse().unwrap());
        println!("{ended:?}");
        ended.unwrap();
        return;
    }
    let began = Instant::now();
    let (next, fault) = (AtomicU64::new(0), Mutex::new(None));
    let endings = Mutex::new(BTreeMap::<&str, (u64, usize)>::new());
    let work = || {
        let mut mine = BTreeMap::<&str, (u64, usize)>::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= HISTORIES || fault.lock().unwrap().is_some() {
                break;
            }
            match history(&definitions, seed) {
                Ok((ending, records)) => {
                    let entry = mine.entry(ending).or_default();
                    *entry = (entry.0 + 1, entry.1 + records);
                }
                Err(told) => *fault.lock().unwrap() = Some(told),
            }
        }
        for (ending, (count, records)) in mine {
            let mut endings = endings.lock().unwrap();
            let entry = endings.entry(ending).or_default();
            *entry = (entry.0 + count, entry.1 + records);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    if let Some(fault) = fault.into_inner().unwrap() {
        panic!("{fault}; NEPTUNE_SIMULATION_SEED=… repeats it");
    }
    let endings = endings.into_inner().unwrap();
    let (histories, records) = endings.values().fold((0, 0), |sum, (count, records)| (sum.0 + count, sum.1 + records));
    println!("{histories} histories, {records} decisions, {:.1} s", began.elapsed().as_secs_f64());
    endings.iter().for_each(|(ending, (count, _))| println!("  {ending}: {count}"));
    assert_eq!(histories, HISTORIES);
    // The simulation is only worth something if every way to end is taken.
    for ending in ["completed", "faulted", "cancelled", "timed_out", "budget_exhausted"] {
        assert!(endings.get(ending).is_some_and(|(count, _)| *count > 100), "hardly any run ended as {ending}");
    }
}
