//! The ledger and the projections `task`, `delivery` and `delivery_attempt`. Plain SQL, because the
//! schema builder knows neither partitions nor triggers.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_ledger"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait declares it without the lifetime")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(include_str!("m0001_ledger.sql")).await?;
        Ok(())
    }
}
