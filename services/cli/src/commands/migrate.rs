//! `migrate`: streams, consumers and buckets on the broker, tables in the database.

use crate::{
    connection,
    domain::{environment, program::Program},
    error::Error,
    output,
    stack::Stack,
};
use std::{path::PathBuf, process::Stdio};
use tokio::process::Command;

/// Brings both servers to what this version needs. Can be repeated.
///
/// # Errors
/// A server refuses.
pub async fn run(stack: &Stack) -> Result<(), Error> {
    broker(stack).await?;
    database(stack).await
}

async fn broker(stack: &Stack) -> Result<(), Error> {
    let bus = connection::operator(stack).await?;
    let names = neptune_bus::setup::apply(&bus).await.map_err(|error| Error::step("prepare the broker", error))?;
    output::note(&format!("    {} streams, consumers and buckets are as the catalogue asks", names.len()));
    Ok(())
}

/// Only metering knows the database, so its own binary migrates it.
async fn database(stack: &Stack) -> Result<(), Error> {
    let action = "migrate the database";
    let binary = binary(Program::Metering)?;
    let variables = environment::of(Program::Metering, &stack.sources(false))?;
    let mut command = Command::new(&binary);
    command.arg("migrate").env_clear().envs(variables).stdin(Stdio::null()).kill_on_drop(true);
    let done = command.output().await.map_err(|error| Error::step(action, error))?;
    if done.status.success() {
        output::note("    the database has every table");
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Error::step(action, format!("{} migrate ended with {}:\n{}", binary.display(), done.status, said.trim_end())))
}

/// Where a program's binary lies: beside this command's own.
///
/// # Errors
/// It is not there.
pub fn binary(program: Program) -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|error| Error::step("find this program", error))?;
    let path = own.with_file_name(program.binary());
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Input(format!(
        "{} is missing; build all services, for example with `cargo build --workspace`",
        path.display()
    )))
}
