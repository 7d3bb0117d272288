//! How routing went: exact sums by the database, and what the recorded decisions add up to.

use super::{Unanswered, shadows};
use crate::{
    domain::{
        decided::{Decided, exploration, policies, removed},
        spend::amount,
    },
    ledger::Ledger,
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    plan::Explanation,
    query::routing::{Considered, FallbackReason, RoutingQuery, RoutingReport, RoutingRow},
};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};
use time::OffsetDateTime;

/// About so many decisions are looked at; of more an even sample is taken. A record has some kilobytes,
/// and a caller waits seconds.
const MOST_DECISIONS: i64 = 2_000;
/// Reasons for falling back that are told.
const MOST_REASONS: i64 = 20;

/// The tasks a query is about: those that reached the router, and no copies of others.
const TASKS: &str = "task.outcome <> 'rejected' AND task.origin <> 'shadow' \
     AND ($1::text IS NULL OR task.team = $1) AND ($2::timestamptz IS NULL OR task.finished_at >= $2) \
     AND ($3::timestamptz IS NULL OR task.finished_at < $3)";
const JUDGED: &str = "LEFT JOIN judged_task AS judged ON judged.team = task.team AND judged.task_id = task.id";

pub(super) async fn answer(ledger: Ledger, query: RoutingQuery) -> Result<RoutingReport, Unanswered> {
    let rows = ledger.database().query_all_raw(statement(&query, &rows_sql(), [])).await?;
    let rows = with_shares(rows.iter().map(row).collect::<Result<_, _>>()?);
    let of = count(&ledger, &query).await?;
    let decided = decisions(&ledger, &query, of).await?;
    let considered = Considered { considered: decided.len() as u64, of: unsigned(of) };
    let newest = "SELECT max(recorded_at) FROM task";
    let newest = ledger.database().query_one_raw(Statement::from_string(DbBackend::Postgres, newest)).await?;
    let as_of: Option<OffsetDateTime> = newest.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(RoutingReport {
        tasks: rows.iter().map(|row| row.tasks).sum(),
        cost_usd: rows.iter().map(|row| row.cost_usd).sum(),
        rows,
        decisions: considered,
        policies: if decided.is_empty() { Vec::new() } else { policies(&decided) },
        exploration: exploration(&decided),
        removed: removed(&decided),
        fallbacks: fallbacks(&ledger, &query).await?,
        shadows: shadows::rows(&ledger, &query).await?,
        as_of: as_of.map(Timestamp::from),
    })
}

/// A statement whose first three parameters are the query's.
pub(super) fn statement<const N: usize>(query: &RoutingQuery, sql: &str, more: [Value; N]) -> Statement {
    let narrowing: [Value; 3] = [
        query.team.as_ref().map(|team| team.as_str().to_owned()).into(),
        query.since.map(|since| since.as_offset_date_time()).into(),
        query.until.map(|until| until.as_offset_date_time()).into(),
    ];
    Statement::from_sql_and_values(DbBackend::Postgres, sql, narrowing.into_iter().chain(more))
}

fn rows_sql() -> String {
    format!(
        "SELECT task.workflow, task.step, task.task_type, task.model, count(*), sum(task.cost_pico_usd)::text, \
         count(*) FILTER (WHERE task.outcome <> 'completed'), count(*) FILTER (WHERE task.attempts > 1), \
         count(hit.entry_key), coalesce(sum(hit.saved_pico_usd), 0)::text, count(judged.score), avg(judged.score) \
         FROM task {JUDGED} LEFT JOIN ledger_entry AS hit ON hit.entry_key = task.id AND hit.kind = 5 AND hit.team = task.team \
         WHERE {TASKS} GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4"
    )
}

fn row(row: &QueryResult) -> Result<RoutingRow, DbErr> {
    let number = |index: usize| Ok::<_, DbErr>(unsigned(row.try_get_by_index(index)?));
    let money = |index: usize| Ok::<PicoUsd, DbErr>(amount(&row.try_get_by_index::<String>(index)?));
    let task_type: Option<String> = row.try_get_by_index(2)?;
    Ok(RoutingRow {
        workflow: row.try_get_by_index(0)?,
        step: row.try_get_by_index(1)?,
        task_type: task_type.and_then(|text| text.parse().ok()),
        model: row.try_get_by_index(3)?,
        tasks: number(4)?,
        share: 0.0,
        cost_usd: money(5)?,
        failed: number(6)?,
        fell_back: number(7)?,
        served_from_cache: number(8)?,
        saved_usd: money(9)?,
        judged: number(10)?,
        quality: row.try_get_by_index(11)?,
    })
}

/// The rows with the share each model has in its place.
fn with_shares(rows: Vec<RoutingRow>) -> Vec<RoutingRow> {
    let place = |row: &RoutingRow| (row.workflow.clone(), row.step.clone(), row.task_type);
    let mut sums = std::collections::HashMap::new();
    for row in &rows {
        *sums.entry(place(row)).or_insert(0) += row.tasks;
    }
    let share = |row: RoutingRow| {
        let sum = sums.get(&place(&row)).copied().unwrap_or(row.tasks);
        RoutingRow { share: row.tasks as f64 / sum.max(1) as f64, ..row }
    };
    rows.into_iter().map(share).collect()
}

async fn count(ledger: &Ledger, query: &RoutingQuery) -> Result<i64, DbErr> {
    let sql = format!("SELECT count(*) FROM task WHERE {TASKS} AND task.attempts > 0");
    let row = ledger.database().query_one_raw(statement(query, &sql, [])).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

/// The decisions after which a model was called, in order of time; of too many those whose id falls into an even share.
async fn decisions(ledger: &Ledger, query: &RoutingQuery, of: i64) -> Result<Vec<Decided>, Unanswered> {
    let one_in = of.div_euclid(MOST_DECISIONS) + 1;
    let sql = format!(
        "SELECT (task.fact -> 'route')::text, task.task_type, task.fact #>> '{{attempts,0,model}}', task.model, \
         task.attempts, task.cost_pico_usd, judged.score FROM task {JUDGED} \
         WHERE {TASKS} AND task.attempts > 0 AND (hashtext(task.id::text) & 2147483647) % $4 = 0 \
         AND task.fact -> 'route' IS NOT NULL \
         ORDER BY task.finished_at, task.id"
    );
    let rows = ledger.database().query_all_raw(statement(query, &sql, [one_in.into()])).await?;
    rows.iter().map(decided).collect()
}

fn decided(row: &QueryResult) -> Result<Decided, Unanswered> {
    let explanation: Explanation = serde_json::from_str(&row.try_get_by_index::<String>(0)?)?;
    let task_type: Option<String> = row.try_get_by_index(1)?;
    Ok(Decided {
        explanation,
        task_type: task_type.and_then(|text| text.parse().ok()),
        first: row.try_get_by_index(2)?,
        answered_by: row.try_get_by_index(3)?,
        calls: u32::try_from(row.try_get_by_index::<i32>(4)?).unwrap_or(0),
        cost_pico_usd: row.try_get_by_index(5)?,
        score: row.try_get_by_index(6)?,
    })
}

async fn fallbacks(ledger: &Ledger, query: &RoutingQuery) -> Result<Vec<FallbackReason>, DbErr> {
    let sql = "SELECT coalesce(model, 'unknown'), outcome, count(*) FROM ledger_entry \
         WHERE kind = 2 AND outcome <> 'succeeded' AND ($1::text IS NULL OR team = $1) \
         AND ($2::timestamptz IS NULL OR occurred_at >= $2) AND ($3::timestamptz IS NULL OR occurred_at < $3) \
         GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT $4";
    let rows = ledger.database().query_all_raw(statement(query, sql, [MOST_REASONS.into()])).await?;
    let reason = |row: &QueryResult| {
        Ok(FallbackReason {
            model: row.try_get_by_index(0)?,
            class: row.try_get_by_index(1)?,
            calls: unsigned(row.try_get_by_index(2)?),
        })
    };
    rows.iter().map(reason).collect()
}

pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
