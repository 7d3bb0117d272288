//! Runs of workflows, to be searched.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_runs"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait declares it without the lifetime")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(include_str!("m0005_runs.sql")).await?;
        Ok(())
    }
}
