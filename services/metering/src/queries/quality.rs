//! How good answers were, by what was said about them.

use super::Unanswered;
use crate::ledger::Ledger;
use neptune_contracts::query::quality::{QualityQuery, QualityReport, QualityRow};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};

const SQL: &str = "SELECT task.model, task.workflow, task.step, task.task_type, count(*), \
     count(judged.score), count(*) FILTER (WHERE judged.given_by = 'person'), avg(judged.score) \
     FROM task LEFT JOIN judged_task AS judged ON judged.team = task.team AND judged.task_id = task.id \
     WHERE task.model IS NOT NULL AND ($1::text IS NULL OR task.team = $1) \
     AND ($2::timestamptz IS NULL OR task.finished_at >= $2) AND ($3::timestamptz IS NULL OR task.finished_at < $3) \
     GROUP BY 1, 2, 3, 4 HAVING count(judged.score) > 0 ORDER BY 6 DESC, 1, 2, 3, 4";

pub(super) async fn answer(ledger: Ledger, query: QualityQuery) -> Result<QualityReport, Unanswered> {
    let values: [Value; 3] = [
        query.team.as_ref().map(|team| team.as_str().to_owned()).into(),
        query.since.map(|since| since.as_offset_date_time()).into(),
        query.until.map(|until| until.as_offset_date_time()).into(),
    ];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, SQL, values);
    let rows = ledger.database().query_all_raw(statement).await?;
    Ok(QualityReport { rows: rows.iter().map(row).collect::<Result<_, _>>()? })
}

fn row(row: &QueryResult) -> Result<QualityRow, DbErr> {
    let count = |index: usize| Ok::<_, DbErr>(u64::try_from(row.try_get_by_index::<i64>(index)?).unwrap_or(0));
    let task_type: Option<String> = row.try_get_by_index(3)?;
    Ok(QualityRow {
        model: row.try_get_by_index(0)?,
        workflow: row.try_get_by_index(1)?,
        step: row.try_get_by_index(2)?,
        task_type: task_type.and_then(|text| text.parse().ok()),
        tasks: count(4)?,
        judged: count(5)?,
        judged_by_person: count(6)?,
        quality: row.try_get_by_index(7)?,
    })
}
