//! The metering process, and `neptune-metering migrate`.

use neptune_metering::{config, migrate, run};
use neptune_runtime::service;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("migrate") {
        return migrate::main();
    }
    let tables = [config::VARIABLES, neptune_bus::config::VARIABLES];
    service::main("metering", "counts what was done and what it cost", &tables, config::Config::read, run)
}
