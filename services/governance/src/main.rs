//! Governance's process.

use neptune_governance::{config, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main(
        "governance",
        "decides what is allowed, and holds the money for it",
        &tables,
        config::Config::read,
        run,
    )
}
