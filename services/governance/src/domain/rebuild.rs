//! What must be known of budgets before they can hold, and where the ledger says it.

use super::{budget::Budget, period};
use neptune_contracts::{
    PicoUsd, Timestamp,
    names::Team,
    query::SpendReport,
    resource::{BudgetSpec, Resources},
};

/// A scope that tasks are or will soon be counted in, and whose spend it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `<budget>:<period>`.
    pub key: String,
    /// Whose spend; everybody's together when absent.
    pub team: Option<Team>,
    /// When the period starts.
    pub since: Timestamp,
    /// When the next one starts.
    pub until: Timestamp,
}

/// The scopes of every budget at `now`, and those of the periods after, so that nothing has to be
/// asked in the moment in which a period starts.
#[must_use]
pub fn wanted(resources: &Resources, now: Timestamp) -> Vec<Wanted> {
    let of_budget = |(name, spec): (&String, &BudgetSpec)| {
        let budget = Budget::of(name, spec);
        [now, period::next_start(budget.period, now)].map(|at| Wanted {
            key: budget.scope(at).key,
            team: spec.team.clone(),
            since: period::start(budget.period, at),
            until: period::next_start(budget.period, at),
        })
    };
    resources.budgets.iter().flat_map(of_budget).collect()
}

/// What `team` spent, or everybody together, by a report that is grouped by team; never negative.
#[must_use]
pub fn spent(report: &SpendReport, team: Option<&Team>) -> PicoUsd {
    let sum = match team {
        None => report.total_usd,
        Some(team) => report.rows.iter().filter(|row| row.group == team.as_str()).map(|row| row.cost_usd).sum(),
    };
    sum.max(PicoUsd::ZERO)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn this_period_and_the_next_one_are_wanted_of_every_budget() {
        let mut resources = Resources::default();
        resources.insert("Budget", "all", json!({"limitUsd": "1", "period": "month"})).unwrap();
        resources.insert("Budget", "own", json!({"limitUsd": "1", "period": "day", "team": "support"})).unwrap();
        let now = serde_json::from_value("2026-12-31T12:00:00Z".into()).unwrap();
        let found: Vec<_> = wanted(&resources, now)
            .into_iter()
            .map(|wanted| (wanted.key, wanted.team.is_some(), wanted.since.to_string(), wanted.until.to_string()))
            .collect();
        let row = |key: &str, team, since: &str, until: &str| {
            (key.to_owned(), team, format!("{since}T00:00:00Z"), format!("{until}T00:00:00Z"))
        };
        let expected = [
            row("all:2026-12", false, "2026-12-01", "2027-01-01"),
            row("all:2027-01", false, "2027-01-01", "2027-02-01"),
            row("own:2026-12-31", true, "2026-12-31", "2027-01-01"),
            row("own:2027-01-01", true, "2027-01-01", "2027-01-02"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_team_spent_its_row_and_everybody_the_total() {
        let row = |team: &str, cost: &str| json!({"group": team, "tasks": 1, "calls": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": cost});
        let report: SpendReport = serde_json::from_value(
            json!({"rows": [row("support", "2"), row("sales", "-1")], "total_usd": "1", "as_of": null}),
        )
        .unwrap();
        let check = |team: Option<&str>, expected: &str| {
            let team = team.map(|team| team.parse().unwrap());
            assert_eq!(spent(&report, team.as_ref()), expected.parse().unwrap(), "{team:?}");
        };
        check(None, "1");
        check(Some("support"), "2");
        check(Some("sales"), "0");
        check(Some("legal"), "0");
    }
}
