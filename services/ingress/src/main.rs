//! The ingress's process.

use neptune_ingress::{config, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main("ingress", "lets tasks in over HTTP and answers out", &tables, config::Config::read, run)
}
