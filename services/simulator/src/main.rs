//! The `neptune-simulator` program.

use std::process::ExitCode;

use neptune_runtime::service;
use neptune_simulator::Config;
use neptune_simulator::config::VARIABLES;

fn main() -> ExitCode {
    let about = "stands in for model providers: OpenAI chat completions for any number of simulated models";
    service::main("simulator", about, &[VARIABLES], Config::read, neptune_simulator::run)
}
