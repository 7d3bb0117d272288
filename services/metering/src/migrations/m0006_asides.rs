//! Runs that were put aside, told apart from runs that have ended.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_asides"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait declares it without the lifetime")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(include_str!("m0006_asides.sql")).await?;
        Ok(())
    }
}
