//! The tables' history. A migration that was released is never changed; a new one is added.

mod m0001_ledger;
mod m0002_saved;
mod m0003_feedback;
mod m0004_shadow;
mod m0005_runs;
mod m0006_asides;

use sea_orm_migration::prelude::*;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_ledger::Migration),
            Box::new(m0002_saved::Migration),
            Box::new(m0003_feedback::Migration),
            Box::new(m0004_shadow::Migration),
            Box::new(m0005_runs::Migration),
            Box::new(m0006_asides::Migration),
        ]
    }
}
