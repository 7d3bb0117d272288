//! How do a team's budgets stand?

use super::budgets_of;
use crate::{Office, budget::Scope};
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
    let resources = office.resources.borrow().clone();
    if !resources.teams.contains_key(query.team.as_str()) {
        return Err(QueryError { code: "not_found".into(), message: format!("there is no team {}", query.team) });
    }
    let budgets = budgets_of(&resources, &query.team, Timestamp::now());
    let scopes: Vec<Scope> = budgets.iter().map(|(_, _, scope)| scope.clone()).collect();
    let unavailable = |error: redis::RedisError| QueryError { code: "unavailable".into(), message: format!("budgets cannot be read: {error}") };
    let counts = if scopes.is_empty() { Vec::new() } else { office.budgets.read(&scopes).await.map_err(unavailable)? };
    let view = |((name, budget, scope), (spent_usd, held_usd)): ((&str, &neptune_contracts::resource::BudgetSpec, Scope), _)| BudgetView {
        name: name.to_owned(),
        period: scope.key.rsplit(':').next().unwrap_or_default().to_owned(),
        limit_usd: budget.limit_usd,
        spent_usd,
        held_usd,
    };
    Ok(BudgetReport { budgets: budgets.into_iter().zip(counts).map(view).collect() })
}
