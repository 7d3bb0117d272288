//! The operator's command.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    neptune_cli::main(neptune_cli::args::Cli::parse())
}
