//! Everything the ledger knows of one task.

use super::Unanswered;
use crate::{
    domain::spend::amount,
    entity::{delivery, delivery_attempt, ledger_entry, task},
    ledger::Ledger,
};
use neptune_contracts::{
    PicoUsd,
    delivery::DeliverySpec,
    finished::TaskFinished,
    ids::DeliveryId,
    query::{DeliveryView, TaskQuery, TaskView, quality::Judgement},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Statement,
};
use time::OffsetDateTime;
use uuid::Uuid;

pub(super) async fn answer(ledger: Ledger, query: TaskQuery) -> Result<TaskView, Unanswered> {
    let found = task::Entity::find()
        .filter(task::Column::Id.eq(query.id.0))
        .apply_if(query.team.as_ref(), |find, team| find.filter(task::Column::Team.eq(team.as_str())))
        .one(ledger.database())
        .await?;
    let found = found.ok_or_else(|| Unanswered::NotFound(format!("the ledger has no finished task {}", query.id)))?;
    let finished: TaskFinished = serde_json::from_value(found.fact)?;
    let deliveries = deliveries(&ledger, &finished).await?;
    let ledger_total_usd = total(&ledger, &finished).await?;
    let quality = judgement(&ledger, &finished).await?;
    Ok(TaskView { finished, deliveries, ledger_total_usd, quality })
}

const JUDGEMENT: &str = "SELECT score, given_by, given_at, given FROM judged_task WHERE team = $1 AND task_id = $2";

async fn judgement(ledger: &Ledger, fact: &TaskFinished) -> Result<Option<Judgement>, Unanswered> {
    let values = [fact.team.as_str().into(), fact.id.0.into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, JUDGEMENT, values);
    let Some(row) = ledger.database().query_one_raw(statement).await? else { return Ok(None) };
    let (by, given_at): (String, OffsetDateTime) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    Ok(Some(Judgement {
        score: row.try_get_by_index(0)?,
        by: serde_json::from_value(by.into())?,
        given_at: given_at.into(),
        given: u64::try_from(row.try_get_by_index::<i64>(3)?).unwrap_or(0),
    }))
}

async fn total(ledger: &Ledger, fact: &TaskFinished) -> Result<PicoUsd, DbErr> {
    let sum: Option<Option<String>> = ledger_entry::Entity::find()
        .select_only()
        .expr_as(ledger_entry::Column::AmountPicoUsd.sum().cast_as("text"), "total")
        .filter(ledger_entry::Column::TaskId.eq(fact.id.0))
        .filter(ledger_entry::Column::Team.eq(fact.team.as_str()))
        .into_tuple()
        .one(ledger.database())
        .await?;
    Ok(sum.flatten().map_or(PicoUsd::ZERO, |sum| amount(&sum)))
}

/// The deliveries the task asked for, in its order, and then others that carry its result.
async fn deliveries(ledger: &Ledger, fact: &TaskFinished) -> Result<Vec<DeliveryView>, DbErr> {
    let asked: Vec<(DeliveryId, &DeliverySpec)> =
        fact.deliver.iter().enumerate().map(|(index, spec)| (DeliveryId::of_task(fact.id, index), spec)).collect();
    let ids: Vec<Uuid> = asked.iter().map(|(id, _)| id.0).collect();
    let ended = delivery::Entity::find()
        .filter(delivery::Column::Team.eq(fact.team.as_str()))
        .filter(
            Condition::any().add(delivery::Column::Id.is_in(ids.clone())).add(delivery::Column::TaskId.eq(fact.id.0)),
        )
        .all(ledger.database())
        .await?;
    let tries = delivery_attempt::Entity::find()
        .filter(delivery_attempt::Column::DeliveryId.is_in(ids.clone()))
        .filter(delivery_attempt::Column::Team.eq(fact.team.as_str()))
        .order_by_desc(delivery_attempt::Column::Attempt)
        .all(ledger.database())
        .await?;
    let (ended, others): (Vec<_>, Vec<_>) = ended.into_iter().partition(|ended| ids.contains(&ended.id));
    let views = asked.into_iter().map(|(id, spec)| match ended.iter().find(|ended| ended.id == id.0) {
        Some(ended) => ended_view(ended),
        None => Some(pending_view(id, spec, tries.iter().find(|tried| tried.delivery_id == id.0))),
    });
    Ok(views.chain(others.iter().map(ended_view)).flatten().collect())
}

fn ended_view(ended: &delivery::Model) -> Option<DeliveryView> {
    Some(DeliveryView {
        id: DeliveryId(ended.id),
        channel: ended.channel.parse().ok()?,
        state: ended.state.clone(),
        attempts: u32::try_from(ended.attempts).ok()?,
        error: ended.error.clone(),
    })
}

fn pending_view(id: DeliveryId, spec: &DeliverySpec, newest: Option<&delivery_attempt::Model>) -> DeliveryView {
    DeliveryView {
        id,
        channel: spec.channel,
        state: "pending".into(),
        attempts: newest.and_then(|tried| u32::try_from(tried.attempt).ok()).unwrap_or(0),
        error: newest.and_then(|tried| tried.error.clone()),
    }
}
