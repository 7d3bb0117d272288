//! What the tables themselves guarantee.

use neptune_metering::{database, domain::records::of_task_finished, ledger::Ledger, migrate};
use neptune_testkit::Postgres;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use time::macros::datetime;

use crate::facts::{attempt, finished};

async fn count(database: &DatabaseConnection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_takes_entries_of_any_time_and_lets_none_be_changed() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    // Replicas start together and take turns.
    let (one, other) = tokio::join!(migrate::until_up_to_date(&url), migrate::until_up_to_date(&url));
    one.unwrap();
    other.unwrap();
    migrate::until_up_to_date(&url).await.unwrap();
    let ledger = Ledger::new(database::connect(&url).await.unwrap());
    ledger.make_partitions(time::OffsetDateTime::now_utc()).await.unwrap();
    ledger.make_partitions(time::OffsetDateTime::now_utc()).await.unwrap();
    let now = of_task_finished(finished("support", vec![attempt("m", 1)])).unwrap();
    let mut odd = finished("support", vec![attempt("m", 2)]);
    odd.attempts[0].id.0 = uuid::Uuid::nil();
    let odd = of_task_finished(odd).unwrap();
    ledger.write(&[&now, &odd]).await.unwrap();
    let database = Database::connect(&url).await.unwrap();
    assert_eq!(count(&database, "ledger_entry").await, 2);
    assert_eq!(count(&database, "ledger_entry_default").await, 1, "only what has no month of its own");
    for change in ["UPDATE ledger_entry SET amount_pico_usd = 0", "DELETE FROM ledger_entry", "TRUNCATE ledger_entry"] {
        let error = database.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{change}: {error}");
    }
    // A month whose keys already lie in the default partition stays there; writing goes on.
    let mut early = finished("support", vec![attempt("m", 4)]);
    early.attempts[0].id.0 = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_400_000_000, 0));
    ledger.write(&[&of_task_finished(early.clone()).unwrap()]).await.unwrap();
    ledger.make_partitions(datetime!(2014-05-13 0:00 UTC)).await.unwrap_err();
    early.id.0 = uuid::Uuid::now_v7();
    early.attempts[0].id.0 = uuid::Uuid::now_v7();
    ledger.write(&[&of_task_finished(early).unwrap()]).await.unwrap();
    assert_eq!(count(&database, "ledger_entry").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migrate_command_makes_the_tables_and_ends() {
    let postgres = Postgres::start().await;
    let migrate = |url: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_neptune-metering"));
        command.arg("migrate").env("NEPTUNE_METERING_DATABASE_URL", url).output().unwrap()
    };
    let done = migrate(&postgres.url());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let database = Database::connect(postgres.url()).await.unwrap();
    assert_eq!(count(&database, "ledger_entry").await, 0);
    let refused = migrate("nonsense");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NEPTUNE_METERING_DATABASE_URL cannot be used"));
}
