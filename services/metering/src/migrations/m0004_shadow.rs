//! Copies of tasks, by which models are compared.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_shadow"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait declares it without the lifetime")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The mark of an answer is salted with its task: it says whether a copy was answered alike,
        // and nothing else.
        let sql = "ALTER TABLE task ADD COLUMN shadow_of uuid, ADD COLUMN answer_mark uuid; \
                   CREATE INDEX task_shadow_of ON task (team, shadow_of) WHERE shadow_of IS NOT NULL";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
