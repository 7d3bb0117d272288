//! An entry of the ledger.
#![allow(missing_docs, reason = "columns are documented where they are made, in the migrations")]

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub entry_key: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i16,
    pub occurred_at: TimeDateTimeWithTimeZone,
    pub team: String,
    pub task_id: Option<Uuid>,
    pub provider: String,
    pub model: Option<String>,
    pub zone: Option<String>,
    pub tok_input: i64,
    pub tok_cache_read: i64,
    pub tok_cache_write: i64,
    pub tok_output: i64,
    pub tok_reasoning: i64,
    pub latency_us: Option<i64>,
    pub amount_pico_usd: i64,
    pub estimated: bool,
    pub error: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
