//! How do a team's budgets stand?

use crate::{Office, domain::period};
use neptune_contracts::{
    Timestamp,
    query::{BudgetQuery, BudgetReport, BudgetView, QueryError},
};
use std::sync::Arc;

/// Answers with the limit, what is spent and what is held in the current period.
///
/// # Errors
/// The team is unknown, or Redis does not answer.
pub async fn handle(office: Arc<Office>, query: BudgetQuery) -> Result<BudgetReport, QueryError> {
    let policy = office.policy.load_full();
    let Some(team) = policy.team(&query.team) else {
        return Err(QueryError { code: "not_found".into(), message: format!("there is no team {}", query.team) });
    };
    let now = Timestamp::now();
    let scopes: Vec<_> = team.budgets.iter().map(|budget| budget.scope(now)).collect();
    let counts = office.budgets.read(&scopes).await.map_err(|error| {
        tracing::warn!(%error, "budgets cannot be read");
        QueryError { code: "unavailable".into(), message: "budgets cannot be read at the moment".into() }
    })?;
    let views = team.budgets.iter().zip(counts).map(|(budget, counts)| BudgetView {
        name: budget.name.clone(),
        period: period::name(budget.period, now),
        limit_usd: budget.limit,
        spent_usd: counts.spent,
        held_usd: counts.held,
    });
    Ok(BudgetReport { budgets: views.collect() })
}
