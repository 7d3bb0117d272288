//! What an answer that served again saved.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_saved"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait declares it without the lifetime")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE ledger_entry ADD COLUMN saved_pico_usd bigint NOT NULL DEFAULT 0 \
                   CONSTRAINT nothing_saved_is_negative CHECK (saved_pico_usd >= 0)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
