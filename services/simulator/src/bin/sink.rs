//! The `neptune-sink` program.

use std::process::ExitCode;

use neptune_runtime::service;
use neptune_simulator::sink::config::{Config, VARIABLES};

fn main() -> ExitCode {
    let about = "a mail server and webhook receiver that keeps what it gets in a directory";
    service::main("sink", about, &[VARIABLES], Config::read, neptune_simulator::sink::run)
}
