//! Which runs there are: pages by time and id, so that what is added meanwhile shifts nothing.

use super::Unanswered;
use crate::{domain::spend::amount, ledger::Ledger};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    query::runs::{Cursor, MAX_RUNS, RunLine, RunsQuery, RunsReport, STATES, WorkflowTotal},
};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};
use time::OffsetDateTime;

/// Workflows whose totals are told.
const MOST_TOTALS: usize = 200;
/// What a run cost; of one that goes on what its own steps cost so far.
const COST: &str = "coalesce(run.cost_pico_usd, (SELECT sum(entry.amount_pico_usd) FROM ledger_entry AS entry \
     WHERE entry.run_id = run.id AND entry.team = run.team), 0)";

/// Whether a run is put aside, and nothing was told since that it goes on.
const IS_ASIDE: &str = "run.ended_at IS NULL AND run.aside_at >= run.changed_at";

pub(super) async fn answer(ledger: Ledger, query: RunsQuery) -> Result<RunsReport, Unanswered> {
    if !(1..=MAX_RUNS).contains(&query.limit) {
        return Err(Unanswered::Invalid(format!("limit is {}; the limit is 1 to {MAX_RUNS}", query.limit)));
    }
    if let Some(state) = query.states.iter().find(|state| !STATES.contains(&state.as_str())) {
        return Err(Unanswered::Invalid(format!("state is {state}; there are {}", STATES.join(", "))));
    }
    let cursor = query.cursor.as_deref().map(|text| Cursor::read(text).ok_or(text)).transpose();
    let cursor = cursor.map_err(|text| {
        Unanswered::Invalid(format!("cursor is {text:?}; give the `next` of the page before, with the same filters"))
    })?;
    let rows = ledger.database().query_all_raw(page(&query, cursor)).await?;
    let mut runs = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let is_more = runs.len() > query.limit as usize;
    runs.truncate(query.limit as usize);
    let last = runs.last().filter(|_| is_more);
    let next = last.map(|last| Cursor { submitted_at: last.submitted_at, id: last.id }.to_string());
    let totals = if query.totals { totals(&ledger, &query).await? } else { Vec::new() };
    Ok(RunsReport { runs, next, totals })
}

/// Conditions and their values, numbered from 1.
struct Narrowed {
    conditions: String,
    values: Vec<Value>,
}

impl Narrowed {
    fn by(&mut self, before: &str, value: impl Into<Value>, after: &str) {
        self.values.push(value.into());
        self.conditions.push_str(&format!(" AND {before} ${}{after}", self.values.len()));
    }
}

fn narrowed(query: &RunsQuery) -> Narrowed {
    let mut narrowed = Narrowed { conditions: "true".to_owned(), values: Vec::new() };
    if let Some(team) = &query.team {
        narrowed.by("run.team =", team.as_str(), "");
    }
    if let Some(workflow) = &query.workflow {
        let column = if workflow.contains(':') { "run.workflow =" } else { "run.name =" };
        narrowed.by(column, workflow.as_str(), "");
    }
    if !query.states.is_empty() {
        // A list in one value: the words of states hold no comma.
        narrowed.by("run.standing = ANY(string_to_array(", query.states.join(","), ", ','))");
    }
    if !query.tags.is_empty() {
        narrowed.by("run.tags @>", serde_json::json!(query.tags).to_string(), "::jsonb");
    }
    if let Some(since) = query.since {
        narrowed.by("run.submitted_at >=", since.as_offset_date_time(), "");
    }
    if let Some(until) = query.until {
        narrowed.by("run.submitted_at <", until.as_offset_date_time(), "");
    }
    narrowed
}

fn page(query: &RunsQuery, cursor: Option<Cursor>) -> Statement {
    let mut narrowed = narrowed(query);
    if let Some(cursor) = cursor {
        narrowed.by("(run.submitted_at, run.id) < (", cursor.submitted_at.as_offset_date_time(), ", ");
        narrowed.values.push(cursor.id.0.into());
        narrowed.conditions.push_str(&format!("${})", narrowed.values.len()));
    }
    let sql = format!(
        "SELECT id, team, workflow, standing, {COST}::text, origin, key_id, labels::text, tags::text, parent::text, \
         CASE WHEN {IS_ASIDE} THEN aside_error ELSE error END, submitted_at, \
         CASE WHEN {IS_ASIDE} THEN aside_at ELSE changed_at END, CASE WHEN {IS_ASIDE} THEN aside_at ELSE ended_at END \
         FROM run WHERE {} ORDER BY submitted_at DESC, id DESC LIMIT {}",
        narrowed.conditions,
        query.limit + 1
    );
    Statement::from_sql_and_values(DbBackend::Postgres, sql, narrowed.values)
}

fn line(row: &QueryResult) -> Result<RunLine, Unanswered> {
    let text = |index: usize| row.try_get_by_index::<String>(index);
    let time = |index: usize| row.try_get_by_index::<OffsetDateTime>(index).map(Timestamp::from);
    let ended_at: Option<OffsetDateTime> = row.try_get_by_index(13)?;
    let parent: Option<String> = row.try_get_by_index(9)?;
    Ok(RunLine {
        id: RunId(row.try_get_by_index(0)?),
        team: serde_json::from_value(text(1)?.into())?,
        workflow: text(2)?,
        state: text(3)?,
        cost_usd: amount(&text(4)?),
        origin: text(5)?.parse().unwrap_or_default(),
        key: row.try_get_by_index(6)?,
        labels: serde_json::from_str(&text(7)?)?,
        tags: serde_json::from_str(&text(8)?)?,
        parent: parent.as_deref().map(serde_json::from_str).transpose()?,
        error: row.try_get_by_index(10)?,
        submitted_at: time(11)?,
        changed_at: time(12)?,
        ended_at: ended_at.map(Timestamp::from),
    })
}

async fn totals(ledger: &Ledger, query: &RunsQuery) -> Result<Vec<WorkflowTotal>, DbErr> {
    let Narrowed { conditions, values } = narrowed(query);
    let sql = format!(
        "SELECT name, count(*), sum({COST})::text FROM run WHERE {conditions} GROUP BY name \
         ORDER BY sum({COST}) DESC, name LIMIT {MOST_TOTALS}"
    );
    let rows =
        ledger.database().query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    let total = |row: &QueryResult| {
        Ok(WorkflowTotal {
            workflow: row.try_get_by_index(0)?,
            runs: u64::try_from(row.try_get_by_index::<i64>(1)?).unwrap_or(0),
            cost_usd: amount(&row.try_get_by_index::<String>(2)?),
        })
    };
    rows.iter().map(total).collect()
}
