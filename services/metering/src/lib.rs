//! Metering: counts what was done and what it cost. The only service that talks to Postgres.
//!
//! **In:** `task.finished`, `attempt.failed`, `delivery.attempted`, `delivery.finished`, `feedback.given`,
//! `run.changed`, `run.finished`.
//! **Out:** nothing; answers the queries `task`, `spend`, `attempts`, `quality`, `routing`, `decisions` and `runs`.
//! **Owns:** the ledger (append-only, one entry per model call or delivery), what was said about
//! answers (append-only too; the view `judged_task` says which of it counts) and the projections
//! `task`, `delivery`, `delivery_attempt` and `run`. Never inputs or outputs.
//!
//! **Guarantee.** Each message is acknowledged after the transaction with its rows was committed,
//! and every row has a key that follows from the message, so a redelivery changes nothing: the
//! ledger's total is exact. A failed attempt arrives twice, alone and within its task's fact, under
//! one key; whichever comes first is the entry.
//!
//! **If it dies** before the commit: the messages come again. Between the commit and the
//! acknowledgement: they come again and change nothing. **If Postgres is away:** messages are handed
//! back with a growing pause and stay on the broker until it is there again. **A message that
//! Postgres cannot store** is found by halving its batch and goes to the dead letters alone.

pub mod config;
pub mod database;
pub mod domain;
pub mod entity;
pub mod handlers;
pub mod ledger;
pub mod migrate;
pub mod migrations;
pub mod queries;
pub mod writer;

use config::Config;
use database::ConnectFailed;
use handlers::consume_all;
use ledger::Ledger;
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError};
use neptune_contracts::names::Service;
use neptune_runtime::Shutdown;
use tokio::task::JoinError;
use writer::Writer;

/// Why metering ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the bus.
    #[error("cannot connect to the bus")]
    Connect(#[from] ConnectError),
    /// The database cannot be used as it is.
    #[error(transparent)]
    Database(#[from] ConnectFailed),
    /// The tables cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The bus failed.
    #[error("the bus failed")]
    Bus(#[from] BusError),
    /// Consuming ended.
    #[error("consuming ended")]
    Consume(#[from] ConsumeError),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] JoinError),
}

pub(crate) type Parts = neptune_bus::Parts<Error>;

/// Counts until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good, or the tables cannot be brought up to date.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let connecting = shutdown.run_until_cancelled(Bus::connect(&config.bus, Service::Metering));
    let Some(bus) = connecting.await.transpose()? else { return Ok(()) };
    let database_url = config.database_url.expose();
    if config.migrate {
        let migrated = shutdown.run_until_cancelled(migrate::until_up_to_date(database_url)).await;
        let Some(migrated) = migrated else { return Ok(()) };
        migrated?;
    }
    let ledger = Ledger::new(database::connect(database_url).await?);
    let (writer, writing) = Writer::start(ledger.clone());
    let mut parts = Parts::new(&bus, &shutdown);
    consume_all(&mut parts, &writer);
    queries::serve_all(&mut parts, &ledger);
    parts.spawn_infallible(async move { ledger.keep_partitions().await });
    // The writing ends with the last part that writes.
    drop(writer);
    parts.run(env!("CARGO_PKG_VERSION")).await?;
    Ok(writing.await?)
}
