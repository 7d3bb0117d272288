//! One file per message and query governance handles.

pub mod budget_query;
pub mod delivery_requested;
pub mod task_finished;
pub mod task_submitted;

use crate::{budget::Scope, domain::period::period};
use neptune_contracts::{
    Timestamp,
    names::Team,
    resource::{BudgetSpec, Resources},
};

/// The budgets a team's tasks are counted against at `now`.
fn budgets_of<'r>(resources: &'r Resources, team: &Team, now: Timestamp) -> Vec<(&'r str, &'r BudgetSpec, Scope)> {
    let concerns = |budget: &BudgetSpec| budget.team.as_ref().is_none_or(|owner| owner == team);
    let scope = |name: &str, budget: &BudgetSpec| Scope { key: format!("{name}:{}", period(budget.period, now)), limit: budget.limit_usd };
    resources.budgets.iter().filter(|(_, budget)| concerns(budget)).map(|(name, budget)| (name.as_str(), budget, scope(name, budget))).collect()
}
