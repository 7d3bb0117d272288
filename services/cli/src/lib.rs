//! `neptune`: the operator's command.
//!
//! **Purpose.** Runs a stack on one machine (`up`, `down`, `status`), prepares the servers
//! (`migrate`), declares what operators decide (`plan`, `apply`, `key`), submits tasks (`submit`),
//! answers questions about them (`task`, `explain`, `cost`, `budget`, `report`, `dead`), starts and follows runs of
//! workflows (`run`), sends events (`event`), runs decisions over recorded or labelled input (`eval`), and looks at definitions of workflows
//! or runs them in this process (`workflow`).
//!
//! **Messages.** Out: `task.submitted` as a team's client (`submit --bus`), and dead letters again
//! (`dead replay`), and events of a team (`event send --team`). Questions go to metering and governance over the bus, as the operator's user.
//!
//! **State.** None of its own on the bus. The state directory holds `secrets.env`, `env` (what a
//! shell needs to use the stack), `run/state.json` (what is supervised) and `log/`.
//!
//! **Crashes.** A killed command leaves nothing half-written: files are replaced as a whole, and
//! every step of `up` can be repeated. A killed supervisor leaves its processes running; the next
//! `up` or `down` ends them first (see [`supervisor`]).

pub mod args;
pub mod commands;
pub mod connection;
pub mod domain;
pub mod env_file;
pub mod error;
pub mod files;
pub mod labelled;
pub mod output;
pub mod process;
pub mod stack;
pub mod supervisor;

use args::{Cli, Command};
use domain::environment::Variables;
use error::Error;
use stack::Stack;
use std::{path::Path, process::ExitCode};

/// Runs a command and returns its exit code.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    neptune_runtime::service::install_crypto_provider();
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Error::step("start the runtime", error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("error: {}", neptune_runtime::service::chain(&error)));
            ExitCode::from(error.exit_code())
        }
    }
}

/// What every command works with.
pub struct Context {
    /// The stack.
    pub stack: Stack,
    /// Print for machines.
    pub json: bool,
}

/// Runs a command.
///
/// # Errors
/// It failed; the message says what to do.
pub async fn run(cli: Cli) -> Result<(), Error> {
    // Definitions are looked at anywhere.
    if let Command::Workflow(workflow) = &cli.command
        && !matches!(workflow, commands::workflow::Workflow::List | commands::workflow::Workflow::Show { .. })
    {
        return commands::workflow::run(workflow, cli.json).await;
    }
    // Replays of labelled tasks need no stack, and so must not fail for the lack of one.
    if let Command::Eval(eval) = &cli.command {
        let context = || Ok(Context { stack: open(&cli.state_dir, true)?, json: cli.json });
        return commands::eval::run(eval, context).await;
    }
    let is_up = matches!(cli.command, Command::Up(_));
    let context = Context { stack: open(&cli.state_dir, !is_up)?, json: cli.json };
    match cli.command {
        Command::Up(args) => Box::pin(commands::up::run(context.stack, args)).await,
        Command::Down => commands::down::run(&context).await,
        Command::Status => commands::status::run(&context).await,
        Command::Wait { timeout } => commands::status::wait(&context, timeout).await,
        Command::Migrate => commands::migrate::run(&context.stack).await,
        Command::Plan(args) => commands::resources::plan(&context, &args).await,
        Command::Apply(args) => commands::resources::apply(&context, &args).await,
        Command::Delete { keys } => commands::resources::delete(&context, &keys).await,
        Command::Key(args) => commands::key::run(&context, args).await,
        Command::Submit(args) => commands::submit::run(&context, *args).await,
        Command::Task(args::TaskCommand::Show { id }) => commands::ledger::show(&context, id).await,
        Command::Explain { id } => commands::ledger::explain(&context, id).await,
        Command::Cost(args) => commands::ledger::cost(&context, args).await,
        Command::Budget { team } => commands::ledger::budget(&context, team).await,
        Command::Run(run) => Box::pin(commands::run::run(&context, run)).await,
        Command::Event(event) => Box::pin(commands::event::run(&context, event)).await,
        Command::Report(report) => commands::report::run(&context, report).await,
        Command::Dead(args) => commands::dead::run(&context, args).await,
        Command::Eval(eval) => commands::eval::run(&eval, || Ok(context)).await,
        Command::Workflow(workflow) => commands::workflow::run_with(&context, &workflow).await,
    }
}

fn open(folder: &Path, use_recorded: bool) -> Result<Stack, Error> {
    let ambient: Variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Stack::open(folder, ambient, use_recorded)
}
