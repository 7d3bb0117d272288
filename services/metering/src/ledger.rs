//! The ledger in Postgres: batches of rows in, one transaction each.

use crate::{
    database::is_about_data,
    domain::{partition::partitions, records::Records, row::Row},
    ledger::table::{DELIVERY, DELIVERY_ATTEMPT, FEEDBACK, LEDGER_ENTRY, RUN, RUN_ASIDE, TASK, Table},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait as _,
};
use std::{error::Error as StdError, time::Duration};
use time::OffsetDateTime;

mod table;

/// What names a run.
const RUN_KEY: [&str; 2] = ["team", "id"];
/// The last change of a run; one that was put aside is told of a change once more when it goes on.
const RUN_VERSION: [&str; 2] = ["change", "changed_at"];
/// Partitions that are made ahead of their month.
const MONTHS_AHEAD: usize = 2;
/// How often it is looked whether a partition is due.
const PARTITION_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// The same after Postgres could not be asked.
const PARTITION_RETRY: Duration = Duration::from_secs(30);

/// Why a batch was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A row of it is refused, and will be again.
    #[error("Postgres refuses the data")]
    Data(#[source] DbErr),
    /// Not now.
    #[error("Postgres cannot take the batch")]
    Unavailable(#[source] DbErr),
}

/// The ledger. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Ledger {
    database: DatabaseConnection,
}

impl Ledger {
    /// The ledger in `database`.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> &DatabaseConnection {
        &self.database
    }

    /// Writes all rows of a batch in one transaction. Rows whose key exists are passed over, so
    /// writing a batch again changes nothing.
    ///
    /// # Errors
    /// Tells whether trying again can help.
    pub async fn write(&self, batch: &[&Records]) -> Result<(), WriteError> {
        self.try_write(batch).await.map_err(|error| {
            if is_about_data(&error) { WriteError::Data(error) } else { WriteError::Unavailable(error) }
        })
    }

    async fn try_write(&self, batch: &[&Records]) -> Result<(), DbErr> {
        let entries: Vec<&Row> = batch.iter().flat_map(|records| &records.entries).collect();
        let tasks = batch.iter().flat_map(|records| &records.tasks).collect();
        let deliveries = batch.iter().flat_map(|records| &records.deliveries).collect();
        let tries = batch.iter().flat_map(|records| &records.tries).collect();
        let feedback = batch.iter().flat_map(|records| &records.feedback).collect();
        let runs = batch.iter().flat_map(|records| &records.runs).collect();
        let asides = batch.iter().flat_map(|records| &records.asides).collect();
        let transaction = self.database.begin().await?;
        insert_entries(&transaction, entries).await?;
        insert(&transaction, &TASK, tasks).await?;
        insert(&transaction, &DELIVERY, deliveries).await?;
        insert(&transaction, &DELIVERY_ATTEMPT, tries).await?;
        insert(&transaction, &FEEDBACK, feedback).await?;
        upsert(&transaction, runs, RUN.upsert(&RUN_KEY, &RUN_VERSION, &[])).await?;
        upsert(&transaction, asides, RUN_ASIDE.upsert(&RUN_KEY, &["aside_at"], &["aside_at", "aside_error"])).await?;
        transaction.commit().await
    }

    /// Makes the partitions of this month and the next ones, now and whenever they are due. Until
    /// that worked, and where it cannot, entries go to the default partition.
    pub async fn keep_partitions(&self) {
        loop {
            let made = self.make_partitions(OffsetDateTime::now_utc()).await;
            if let Err(error) = &made {
                let error = error as &dyn StdError;
                tracing::warn!(error, "cannot make a partition; its entries go to the default one");
            }
            tokio::time::sleep(if made.is_ok() { PARTITION_PAUSE } else { PARTITION_RETRY }).await;
        }
    }

    /// Makes the partitions of the month of `now` and the next ones, where they are missing.
    ///
    /// # Errors
    /// Postgres is away, refuses, or the default partition already holds entries of that month.
    pub async fn make_partitions(&self, now: OffsetDateTime) -> Result<(), DbErr> {
        for partition in partitions(now, MONTHS_AHEAD) {
            let (name, from, to) = (partition.name, partition.from, partition.to);
            let sql = format!(
                "CREATE TABLE IF NOT EXISTS {name} PARTITION OF ledger_entry FOR VALUES FROM ('{from}') TO ('{to}')"
            );
            self.database.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

async fn insert_entries(transaction: &DatabaseTransaction, entries: Vec<&Row>) -> Result<(), DbErr> {
    if entries.is_empty() {
        return Ok(());
    }
    let count = entries.len() as u64;
    let array = Row::array(entries);
    let inserted = transaction.execute_raw(statement(LEDGER_ENTRY.insert(), &array)).await?.rows_affected();
    if inserted < count {
        for row in transaction.query_all_raw(statement(CONFLICTS.into(), &array)).await? {
            let key: String = row.try_get_by_index(0)?;
            tracing::error!(
                entry.key = key,
                "two messages name the same entry and say different things; the first one stands"
            );
        }
    }
    Ok(())
}

/// Entries that are in the ledger under the same key with another content.
const CONFLICTS: &str = "SELECT entry_key::text FROM ledger_entry AS held \
    JOIN json_to_recordset($1::json) AS given(entry_key uuid, kind smallint, seq smallint, payload_hash uuid) \
    USING (entry_key, kind, seq) WHERE held.payload_hash <> given.payload_hash";

async fn insert(transaction: &DatabaseTransaction, table: &Table, rows: Vec<&Row>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    transaction.execute_raw(statement(table.insert(), &Row::array(rows))).await?;
    Ok(())
}

/// Of several messages about a run, in one batch or in many and in any order, the last one stands.
async fn upsert(transaction: &DatabaseTransaction, rows: Vec<&Row>, sql: String) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    transaction.execute_raw(statement(sql, &Row::array(rows))).await?;
    Ok(())
}

fn statement(sql: String, array: &str) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [array.into()])
}
