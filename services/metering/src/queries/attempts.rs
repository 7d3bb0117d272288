//! The newest attempts of a model.

use super::Unanswered;
use crate::{domain::records::Kind, entity::ledger_entry, ledger::Ledger};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, Usage},
    ids::AttemptId,
    names::Zone,
    query::{AttemptsQuery, AttemptsReport},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
};

pub(super) async fn answer(ledger: Ledger, query: AttemptsQuery) -> Result<AttemptsReport, Unanswered> {
    if !(1..=1_000).contains(&query.limit) {
        return Err(Unanswered::Invalid(format!("limit is {}; the limit is 1 to 1000", query.limit)));
    }
    let entries = ledger_entry::Entity::find()
        .filter(ledger_entry::Column::Kind.eq(Kind::Settle.code()))
        .apply_if(query.model, |find, model| find.filter(ledger_entry::Column::Model.eq(model)))
        // Keys are UUID v7: their order is that of time, and they have the index.
        .order_by_desc(ledger_entry::Column::EntryKey)
        .limit(u64::from(query.limit))
        .all(ledger.database())
        .await?;
    let attempts = entries.into_iter().map(attempt).collect::<Result<_, _>>()?;
    Ok(AttemptsReport { attempts })
}

fn attempt(entry: ledger_entry::Model) -> Result<Attempt, serde_json::Error> {
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(Attempt {
        id: AttemptId(entry.entry_key),
        model: entry.model.unwrap_or_default(),
        provider: entry.provider,
        zone: entry.zone.and_then(|zone| zone.parse().ok()).unwrap_or(Zone::External),
        started_at: Timestamp::from(entry.occurred_at),
        latency_us: count(entry.latency_us.unwrap_or(0)),
        first_token_us: None,
        chunks: 0,
        error: entry.error.map(serde_json::from_value).transpose()?,
        usage: Usage {
            input_uncached: count(entry.tok_input),
            cache_read: count(entry.tok_cache_read),
            // The ledger adds both up; their price is in the amount.
            cache_write: count(entry.tok_cache_write),
            cache_write_hour: 0,
            output: count(entry.tok_output),
            reasoning: count(entry.tok_reasoning),
        },
        cost_usd: PicoUsd(entry.amount_pico_usd),
        estimated: entry.estimated,
        warnings: Vec::new(),
        limits: None,
        // The ledger keeps what was paid; the verdicts stay in the finished fact.
        purpose: None,
        validation: None,
    })
}
