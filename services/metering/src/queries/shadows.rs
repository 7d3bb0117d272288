//! What models did unseen, beside what was served.

use super::routing::{statement, unsigned};
use crate::{domain::spend::amount, ledger::Ledger};
use neptune_contracts::{
    PicoUsd,
    query::routing::{RoutingQuery, ShadowRow},
};
use sea_orm::{ConnectionTrait as _, DbErr, QueryResult};

const SQL: &str = "WITH copy AS ( \
       SELECT task.*, coalesce(task.model, task.fact #>> '{metadata,shadow_model}', 'unknown') AS shadow, \
         task.fact #>> '{attempts,-1,error,class}' AS fault, (task.fact #>> '{attempts,-1,latency_us}')::bigint AS latency_us \
       FROM task WHERE task.shadow_of IS NOT NULL AND task.outcome <> 'rejected' AND ($1::text IS NULL OR task.team = $1) \
         AND ($2::timestamptz IS NULL OR task.finished_at >= $2) AND ($3::timestamptz IS NULL OR task.finished_at < $3) \
     ), pair AS ( \
       SELECT copy.*, served.cost_pico_usd AS served_cost, \
         (served.fact #>> '{attempts,-1,latency_us}')::bigint AS served_latency_us, \
         served.answer_mark = copy.answer_mark AS agrees \
       FROM copy LEFT JOIN task AS served ON served.team = copy.team AND served.id = copy.shadow_of \
     ) \
     SELECT shadow, task_type, count(*), count(*) FILTER (WHERE outcome = 'completed'), \
       count(*) FILTER (WHERE outcome <> 'completed' AND fault = 'malformed'), count(agrees), count(*) FILTER (WHERE agrees), \
       coalesce(sum(cost_pico_usd) FILTER (WHERE agrees IS NOT NULL), 0)::text, \
       coalesce(sum(served_cost) FILTER (WHERE agrees IS NOT NULL), 0)::text, \
       (avg(latency_us) FILTER (WHERE agrees IS NOT NULL) / 1000)::float8, \
       (avg(served_latency_us) FILTER (WHERE agrees IS NOT NULL) / 1000)::float8 \
     FROM pair GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2";

pub(super) async fn rows(ledger: &Ledger, query: &RoutingQuery) -> Result<Vec<ShadowRow>, DbErr> {
    ledger.database().query_all_raw(statement(query, SQL, [])).await?.iter().map(row).collect()
}

fn row(row: &QueryResult) -> Result<ShadowRow, DbErr> {
    let number = |index: usize| Ok::<_, DbErr>(unsigned(row.try_get_by_index(index)?));
    let money = |index: usize| Ok::<PicoUsd, DbErr>(amount(&row.try_get_by_index::<String>(index)?));
    let task_type: Option<String> = row.try_get_by_index(1)?;
    Ok(ShadowRow {
        model: row.try_get_by_index(0)?,
        task_type: task_type.and_then(|text| text.parse().ok()),
        copies: number(2)?,
        answered: number(3)?,
        invalid: number(4)?,
        compared: number(5)?,
        agreed: number(6)?,
        cost_usd: money(7)?,
        served_cost_usd: money(8)?,
        latency_ms: row.try_get_by_index(9)?,
        served_latency_ms: row.try_get_by_index(10)?,
    })
}
