//! Workflows carried to their end in this process: the official conformance kit, and scenarios of our own in the
//! same language for what the kit leaves out. Each is carried three times: as it is, by an engine that forgets
//! everything but the log after each decision, and by one that dies before and after it stores what it decided about
//! every single thing that happens. All three must come to the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod gherkin;
mod service;
mod theatre;

use gherkin::Scenario;
use neptune_rehearsal::Memory;
use std::path::{Path, PathBuf};

/// Scenarios of every feature in a folder.
fn scenarios(folder: &Path) -> Vec<Scenario> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "feature"));
    files.sort();
    files.iter().flat_map(|file| gherkin::read(&std::fs::read_to_string(file).unwrap())).collect()
}

/// Plays scenarios, and says which failed.
async fn play(scenarios: &[Scenario]) -> Vec<String> {
    let (mut failed, mut results) = (Vec::new(), Vec::new());
    for memory in [Memory::Keeps, Memory::Forgets, Memory::Dies] {
        let service = service::Service::start().await;
        for (index, scenario) in scenarios.iter().enumerate() {
            let fault = match theatre::play(scenario, &service, memory).await {
                Ok(result) if memory == Memory::Keeps => {
                    results.push((index, result));
                    continue;
                }
                Ok(result) => match results.iter().find(|(of, _)| *of == index) {
                    Some((_, wanted)) if *wanted != result => format!("it came to {result:?} instead of {wanted:?}"),
                    _ => continue,
                },
                Err(fault) => fault,
            };
            failed.push(format!("{} ({memory:?}): {fault}", scenario.name));
        }
    }
    failed
}

#[tokio::test]
async fn conformance_kit() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let folder = shared.join("data/ows/ctk/features");
    if !folder.exists() {
        println!("skipped: {} is not there; NEPTUNE_SHARED names the folder of shared data", folder.display());
        return;
    }
    let scenarios = scenarios(&folder);
    let failed = play(&scenarios).await;
    let passed = scenarios.iter().filter(|one| !failed.iter().any(|fault| fault.starts_with(&one.name))).count();
    println!("conformance: {passed} of {} scenarios", scenarios.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(scenarios.len(), 21, "the official scenarios");
}

#[tokio::test]
async fn own_scenarios() {
    let scenarios = scenarios(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/features"));
    let failed = play(&scenarios).await;
    println!("own scenarios: {}", scenarios.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(scenarios.len() >= 40, "only {} scenarios were found", scenarios.len());
}
