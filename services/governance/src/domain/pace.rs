//! How far a budget is spent, beside how far its period is over: what the router needs to keep the two
//! in step.

use super::{
    budget::{Budget, Counts},
    period,
};
use neptune_contracts::{PicoUsd, Timestamp, admission::BudgetPace};

/// How `budget` stands at `now`; nothing when it allows nothing.
#[must_use]
pub fn pace(budget: &Budget, counts: Counts, now: Timestamp) -> Option<BudgetPace> {
    let (start, end) = (period::start(budget.period, now), period::next_start(budget.period, now));
    let whole = float(end.micros_since(start));
    (budget.limit > PicoUsd::ZERO && whole > 0.0).then(|| BudgetPace {
        budget: budget.scope(now).key,
        spent_share: counts.spent.as_usd_f64() / budget.limit.as_usd_f64(),
        elapsed_share: float(now.micros_since(start)) / whole,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 15 digits")]
fn float(micros: u64) -> f64 {
    micros as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use neptune_contracts::resource::{OnOutage, Period};

    fn check(period: Period, limit: &str, spent: &str, now: &str, expected: Option<(&str, f64, f64)>) {
        let limit = limit.parse().unwrap();
        let budget = Budget { name: "b".into(), limit, period, on_outage: OnOutage::Deny, pace: true };
        let counts = Counts { spent: spent.parse().unwrap(), held: PicoUsd::ZERO };
        let found = pace(&budget, counts, serde_json::from_value(now.into()).unwrap());
        let found = found.as_ref().map(|pace| (pace.budget.as_str(), pace.spent_share, pace.elapsed_share));
        assert_eq!(found, expected);
    }

    #[test]
    fn both_shares_are_of_the_period_that_it_is() {
        check(Period::Day, "10", "2.5", "2026-11-23T18:00:00Z", Some(("b:2026-11-23", 0.25, 0.75)));
        check(Period::Month, "100", "0", "2026-11-16T00:00:00Z", Some(("b:2026-11", 0.0, 0.5)));
        check(Period::Month, "1", "2", "2026-11-01T00:00:00Z", Some(("b:2026-11", 2.0, 0.0)));
        check(Period::Month, "0", "0", "2026-11-16T00:00:00Z", None);
    }
}
