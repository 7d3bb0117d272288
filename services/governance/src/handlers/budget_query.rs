//! How do a team's budgets stand?

use crate::{
    Office,
    domain::{
        budget::{Counts, Scope},
        period,
    },
};
use neptune_contracts::{
    Timestamp,
    query::{BudgetQuery, BudgetReport, BudgetView, QueryError},
};
use std::sync::Arc;

/// Answers with the limit, what is spent and what is held in the current period.
///
/// # Errors
/// The team is unknown, Redis does not answer, or it lost what was spent and metering does not answer.
pub async fn handle(office: Arc<Office>, query: BudgetQuery) -> Result<BudgetReport, QueryError> {
    let policy = office.policy.load_full();
    let Some(team) = policy.team(&query.team) else {
        return Err(QueryError { code: "not_found".into(), message: format!("there is no team {}", query.team) });
    };
    let now = Timestamp::now();
    let scopes: Vec<_> = team.budgets.iter().map(|budget| budget.scope(now)).collect();
    let unavailable = |message: &str| QueryError { code: "unavailable".into(), message: message.into() };
    let counts = office.read(&scopes).await.map_err(|error| {
        tracing::warn!(%error, "budgets cannot be read");
        unavailable("budgets cannot be read at the moment")
    })?;
    let Some(counts) = counts else {
        return Err(unavailable("what was spent is not known yet: budgets wait for metering to tell; ask again"));
    };
    let views = team.budgets.iter().zip(counts).map(|(budget, counts)| BudgetView {
        name: budget.name.clone(),
        period: period::name(budget.period, now),
        limit_usd: budget.limit,
        spent_usd: counts.spent,
        held_usd: counts.held,
    });
    Ok(BudgetReport { budgets: views.collect() })
}

impl Office {
    /// How each scope stands; nothing when one is incomplete and cannot be filled now.
    async fn read(&self, scopes: &[Scope]) -> Result<Option<Vec<Counts>>, redis::RedisError> {
        match self.budgets.read(scopes).await? {
            None if self.rebuild.attempt().await => self.budgets.read(scopes).await,
            counts => Ok(counts),
        }
    }
}
