//! The notifier's process.

use neptune_notifier::{config, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main("notifier", "brings results to people and systems", &tables, config::Config::read, run)
}
