//! The connection to Postgres.

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr, sqlx};
use std::time::Duration;

/// One for the writer, the others for queries.
const MAX_CONNECTIONS: u32 = 8;
/// A connection that takes longer means that Postgres is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// No statement of ours takes this long; it frees what a caller gave up waiting for.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection unused for this long may be dead and is tested first.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(10);

/// Why the database cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("NEPTUNE_METERING_DATABASE_URL cannot be used")]
pub struct ConnectFailed(#[source] DbErr);

/// A pool that connects when it is first used and again whenever it has to.
///
/// # Errors
/// The address is malformed.
pub async fn connect(url: &str) -> Result<DatabaseConnection, ConnectFailed> {
    pool(url, MAX_CONNECTIONS).await
}

/// A single connection, for work that holds a lock of its session.
///
/// # Errors
/// The address is malformed.
pub async fn connect_single(url: &str) -> Result<DatabaseConnection, ConnectFailed> {
    pool(url, 1).await
}

async fn pool(url: &str, size: u32) -> Result<DatabaseConnection, ConnectFailed> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(size)
        .connect_lazy(true)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .statement_timeout(STATEMENT_TIMEOUT)
        .set_application_name("neptune-metering")
        .test_before_acquire_if_idle_for(TEST_AFTER_IDLE)
        .sqlx_logging(false);
    Database::connect(options).await.map_err(ConnectFailed)
}

/// Whether an error is about the data that was sent, so that sending it again will fail again.
/// Everything else may pass: the server is away, starting, full, or not migrated yet.
#[must_use]
pub fn is_about_data(error: &DbErr) -> bool {
    // 22: data exception, 23: integrity constraint, 54: program limit exceeded.
    sql_state(error).is_some_and(|state| ["22", "23", "54"].iter().any(|class| state.starts_with(class)))
}

fn sql_state(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return None;
    };
    match &**cause {
        sqlx::Error::Database(database) => database.code().map(|code| code.into_owned()),
        _ => None,
    }
}
