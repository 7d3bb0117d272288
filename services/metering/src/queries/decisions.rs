//! Recorded decisions, page by page.

use super::Unanswered;
use crate::ledger::Ledger;
use neptune_contracts::{
    Timestamp,
    finished::TaskFinished,
    ids::TaskId,
    query::decisions::{DecisionMark, DecisionsPage, DecisionsQuery},
};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};
use time::OffsetDateTime;
use uuid::Uuid;

/// Decisions of a page.
const PAGE: usize = 200;
/// A page ends with the decision that makes it longer than this, so that it fits into a message.
const PAGE_BYTES: usize = 512 * 1024;

const SQL: &str = "SELECT finished_at, id, fact::text FROM task \
     WHERE outcome <> 'rejected' AND origin <> 'shadow' AND fact -> 'route' IS NOT NULL AND fact -> 'admission' IS NOT NULL \
     AND ($1::text IS NULL OR team = $1) AND ($2::timestamptz IS NULL OR finished_at >= $2) \
     AND ($3::timestamptz IS NULL OR finished_at < $3) \
     AND ($4::timestamptz IS NULL OR (finished_at, id) > ($4, $5::uuid)) ORDER BY finished_at, id LIMIT $6";

pub(super) async fn answer(ledger: Ledger, query: DecisionsQuery) -> Result<DecisionsPage, Unanswered> {
    let values: [Value; 6] = [
        query.team.as_ref().map(|team| team.as_str().to_owned()).into(),
        query.since.map(|since| since.as_offset_date_time()).into(),
        query.until.map(|until| until.as_offset_date_time()).into(),
        query.after.map(|after| after.finished_at.as_offset_date_time()).into(),
        query.after.map(|after| after.task.0).into(),
        i64::try_from(PAGE).unwrap_or(i64::MAX).into(),
    ];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, SQL, values);
    let rows = ledger.database().query_all_raw(statement).await?;
    let (mut decisions, mut bytes, mut last): (Vec<TaskFinished>, _, _) = (Vec::new(), 0, None);
    for row in &rows {
        let text: String = row.try_get_by_index(2)?;
        bytes += text.len();
        decisions.push(serde_json::from_str(&text)?);
        last = Some(mark(row)?);
        if bytes > PAGE_BYTES {
            break;
        }
    }
    let is_last = decisions.len() == rows.len() && rows.len() < PAGE;
    Ok(DecisionsPage { decisions, next: last.filter(|_| !is_last) })
}

fn mark(row: &QueryResult) -> Result<DecisionMark, DbErr> {
    let (finished_at, task): (OffsetDateTime, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    Ok(DecisionMark { finished_at: Timestamp::from(finished_at), task: TaskId(task) })
}
