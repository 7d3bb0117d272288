//! What was spent, grouped.

use super::Unanswered;
use crate::{
    domain::spend::{Judged, Summed, report},
    ledger::Ledger,
};
use neptune_contracts::{
    Timestamp,
    query::{SpendGroup, SpendQuery, SpendReport},
};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};
use std::collections::HashMap;
use time::OffsetDateTime;

const AS_OF: &str = "SELECT max(recorded_at) FROM ledger_entry";

pub(super) async fn answer(ledger: Ledger, query: SpendQuery) -> Result<SpendReport, Unanswered> {
    let newest = ledger.database().query_one_raw(Statement::from_string(DbBackend::Postgres, AS_OF)).await?;
    let as_of: Option<OffsetDateTime> = newest.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let rows = ledger.database().query_all_raw(statement(&query)).await?;
    let summed = rows.iter().map(summed).collect::<Result<Vec<_>, _>>()?;
    let judged = ledger.database().query_all_raw(judged_statement(&query)).await?;
    let judged = judged.iter().map(of_group).collect::<Result<HashMap<_, _>, _>>()?;
    Ok(report(summed, &judged, as_of.map(Timestamp::from)))
}

/// What of a query narrows it, by the name of the column that holds the time.
fn narrowed(query: &SpendQuery, team: &str, time: &str) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut conditions = String::from("true");
    let mut narrow = |condition: String, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push_str(&format!(" AND {condition} ${}", values.len()));
        }
    };
    narrow(format!("{team} ="), query.team.as_ref().map(|team| team.as_str().into()));
    narrow(format!("{time} >="), query.since.map(|since| since.as_offset_date_time().into()));
    narrow(format!("{time} <"), query.until.map(|until| until.as_offset_date_time().into()));
    (conditions, values)
}

/// A task is judged once, however many calls it took, and the judgement is about the model that answered.
fn judged_statement(query: &SpendQuery) -> Statement {
    let (conditions, values) = narrowed(query, "task.team", "task.finished_at");
    let group = match query.group_by {
        SpendGroup::Team => "task.team",
        SpendGroup::Model => "task.model",
        SpendGroup::TaskType => "coalesce(task.task_type, 'unknown')",
        SpendGroup::Workflow => "coalesce(task.workflow, 'none')",
    };
    let sql = format!(
        "SELECT {group} AS name, count(*), avg(judged.score) FROM task \
         JOIN judged_task AS judged ON judged.team = task.team AND judged.task_id = task.id \
         WHERE {conditions} AND task.model IS NOT NULL GROUP BY name"
    );
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

fn of_group(row: &QueryResult) -> Result<(String, Judged), DbErr> {
    let judged = Judged { tasks: row.try_get_by_index(1)?, quality: row.try_get_by_index(2)? };
    Ok((row.try_get_by_index(0)?, judged))
}

fn statement(query: &SpendQuery) -> Statement {
    let (conditions, values) = narrowed(query, "entry.team", "entry.occurred_at");
    let group = group(query.group_by);
    let sql = format!(
        "SELECT {group} AS name, count(DISTINCT entry.task_id), count(*) FILTER (WHERE entry.kind = 2), \
         sum(entry.tok_input + entry.tok_cache_read + entry.tok_cache_write)::text, \
         sum(entry.tok_output + entry.tok_reasoning)::text, sum(entry.amount_pico_usd)::text, \
         count(*) FILTER (WHERE entry.kind = 5), sum(entry.saved_pico_usd)::text \
         FROM ledger_entry AS entry LEFT JOIN task ON task.team = entry.team AND task.id = entry.task_id \
         WHERE entry.kind IN (2, 4, 5, 6) AND {conditions} GROUP BY name"
    );
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// The entry of a failed attempt may have come before its task's fact, which alone knows the kind
/// of work and the workflow; so the task is asked too.
fn group(by: SpendGroup) -> &'static str {
    match by {
        SpendGroup::Team => "entry.team",
        SpendGroup::Model => "coalesce(entry.model, 'delivery by ' || entry.provider)",
        SpendGroup::TaskType => "coalesce(entry.task_type, task.task_type, 'unknown')",
        SpendGroup::Workflow => "coalesce(entry.workflow, task.workflow, 'none')",
    }
}

fn summed(row: &QueryResult) -> Result<Summed, DbErr> {
    Ok(Summed {
        group: row.try_get_by_index(0)?,
        tasks: row.try_get_by_index(1)?,
        calls: row.try_get_by_index(2)?,
        input_tokens: row.try_get_by_index(3)?,
        output_tokens: row.try_get_by_index(4)?,
        amount: row.try_get_by_index(5)?,
        served: row.try_get_by_index(6)?,
        saved: row.try_get_by_index(7)?,
    })
}
