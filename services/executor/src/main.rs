//! The executor's process.

use neptune_executor::{config, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main("executor", "calls models by the router's plan", &tables, config::Config::read, run)
}
