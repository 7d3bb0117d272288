//! Bringing the tables up to date: at a start, or by `neptune-metering migrate`.

use crate::{
    config::VARIABLES,
    database::{self, ConnectFailed},
    migrations::Migrator,
};
use neptune_runtime::{
    config::{ConfigError, Secret, Values},
    service,
    telemetry::{self, Telemetry},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, RuntimeErr};
use sea_orm_migration::MigratorTrait as _;
use std::{error::Error as StdError, process::ExitCode, time::Duration};

/// Pause before Postgres is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// Any number will do, as long as every replica takes the same one.
const TAKE_LOCK: &str = "SELECT pg_advisory_lock(7263547001)";
/// Exit code for a configuration that cannot be used (`EX_USAGE`).
const EXIT_CONFIG: u8 = 64;

/// Why the tables are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used as it is configured.
    #[error(transparent)]
    Connect(#[from] ConnectFailed),
    /// A migration failed.
    #[error("cannot bring the tables up to date")]
    Apply(#[source] DbErr),
}

/// Runs the pending migrations, waiting for Postgres as long as it takes. Replicas that start
/// together take turns.
///
/// # Errors
/// The address is malformed, or a migration fails.
pub async fn until_up_to_date(url: &str) -> Result<(), Error> {
    let database = database::connect_single(url).await?;
    loop {
        match apply(&database).await {
            Err(error) if is_away(&error) => {
                tracing::warn!(error = &error as &dyn StdError, "Postgres is not there yet, waiting for it");
                tokio::time::sleep(PAUSE).await;
            }
            applied => {
                // The lock is its session's and ends with it.
                database.close().await.ok();
                return applied.map_err(Error::Apply);
            }
        }
    }
}

async fn apply(database: &DatabaseConnection) -> Result<(), DbErr> {
    database.execute_unprepared(TAKE_LOCK).await?;
    Migrator::up(database, None).await
}

/// Whether the server could not be reached or is not ready, as opposed to saying no.
fn is_away(error: &DbErr) -> bool {
    let cause = match error {
        DbErr::ConnectionAcquire(_) => return true,
        DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause) => cause,
        _ => return false,
    };
    let RuntimeErr::SqlxError(cause) = cause else { return true };
    match &**cause {
        // 57P: starting, stopping or crashed; 53: out of connections or memory; 3D: no such database yet.
        sea_orm::sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| ["57P", "53", "3D", "08"].iter().any(|class| code.starts_with(class)))
        }
        sea_orm::sqlx::Error::Configuration(_) => false,
        _ => true,
    }
}

/// The whole of `neptune-metering migrate`.
#[must_use]
pub fn main() -> ExitCode {
    let lookup = |name: &str| std::env::var(name).ok();
    let values = Values::load(&[VARIABLES, telemetry::VARIABLES], &lookup);
    let ready = prepare(&values);
    let (url, telemetry) = match ready {
        Ok(ready) => ready,
        Err(error) => return complain(&error.to_string(), EXIT_CONFIG),
    };
    let code = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => match runtime.block_on(until_up_to_date(url.expose())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&service::chain(&error), 1),
        },
        Err(error) => complain(&format!("cannot start the runtime: {error}"), 1),
    };
    telemetry.flush();
    code
}

fn prepare(values: &Values) -> Result<(Secret, Telemetry), ConfigError> {
    service::install_crypto_provider();
    Ok((values.secret("NEPTUNE_METERING_DATABASE_URL")?, Telemetry::start("metering", values)?))
}

fn complain(text: &str, code: u8) -> ExitCode {
    use std::io::Write as _;
    // Nothing is left to do when even standard error is gone.
    let _ = writeln!(std::io::stderr(), "neptune-metering migrate: {text}");
    ExitCode::from(code)
}
