//! The router's process.

use neptune_router::{config, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main("router", "chooses the models for each task", &tables, config::Config::read, run)
}
