//! Budgets: what is counted where, and what a task hears that does not fit.

use super::period;
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::Admission,
    finished::TaskError,
    ids::{HoldId, TaskId},
    names::{Origin, Team},
    resource::{BudgetSpec, OnOutage, Period},
};

/// A task refused because a budget cannot be read may be sent again after this time.
pub const OUTAGE_RETRY_MS: u64 = 2_000;
/// The code of that refusal.
pub const UNAVAILABLE: &str = "budget_unavailable";
/// A task that may wait for its budgets is refused when it was handed out so often: after about six
/// minutes, each wait being [`OUTAGE_RETRY_MS`] longer than the one before.
const DELIVERIES_OF_PATIENCE: u64 = 20;
/// Money held by other tasks comes free when they finish, mostly within seconds.
const HELD_RETRY_MS: u64 = 1_000;
/// A hold outlives its admission by this, so that a task finished in its last moment finds it.
const HOLD_GRACE_MS: i64 = 60_000;
/// No hold lasts longer. A task may have a deadline in years; its money must come free all the same
/// when nobody settles it, and a settlement after that is still counted.
const HOLD_AT_MOST_MS: i64 = 24 * 3_600_000;

/// A limit on what is spent in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// The limit.
    pub limit: PicoUsd,
    /// When it starts again.
    pub period: Period,
    /// What happens while it cannot be read.
    pub on_outage: OnOutage,
    /// The router is told how it stands, to keep it in step with its period.
    pub pace: bool,
}

/// A budget in one of its periods: what is counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `<budget>:<period>`.
    pub key: String,
    /// The limit.
    pub limit: PicoUsd,
}

/// How a scope stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Settled.
    pub spent: PicoUsd,
    /// Reserved.
    pub held: PicoUsd,
}

impl Budget {
    /// The budget as it was declared.
    #[must_use]
    pub fn of(name: &str, spec: &BudgetSpec) -> Self {
        let (limit, period, on_outage) = (spec.limit_usd, spec.period, spec.on_outage);
        Self { name: name.into(), limit, period, on_outage, pace: spec.pace }
    }

    /// What is counted at `at`.
    #[must_use]
    pub fn scope(&self, at: Timestamp) -> Scope {
        Scope { key: format!("{}:{}", self.name, period::name(self.period, at)), limit: self.limit }
    }
}

/// The hold of a task.
#[must_use]
pub fn hold_id(task: TaskId) -> HoldId {
    HoldId::derive(task.0, "hold")
}

/// The name under which a hold is kept. Callers mint task ids, so team and origin stand in it as in
/// the subject of the finished fact: nobody can spend on another's hold by taking its task's id.
#[must_use]
pub fn hold_name(team: &Team, origin: Origin, task: TaskId) -> String {
    format!("{team}.{origin}.{}", hold_id(task))
}

/// When the money held for an admission comes free if nobody settles it.
#[must_use]
pub fn hold_expiry(admission: &Admission) -> Timestamp {
    admission.expires_at.min(admission.admitted_at.plus_millis(HOLD_AT_MOST_MS)).plus_millis(HOLD_GRACE_MS)
}

/// What a task hears that needs up to `amount` when `budget` stands at `counts`.
#[must_use]
pub fn exceeded(budget: &Budget, counts: Counts, amount: PicoUsd, now: Timestamp) -> TaskError {
    let resets_at = period::next_start(budget.period, now);
    let retry_after_ms = if amount > budget.limit {
        None
    } else if counts.spent.saturating_add(amount) > budget.limit {
        Some(resets_at.micros_since(now).div_ceil(1_000))
    } else {
        Some(HELD_RETRY_MS)
    };
    let message = format!(
        "budget {} would be exceeded: limit {} US dollars, spent {}, held {}, this task up to {amount}; it resets at {resets_at}; lower max_tokens or constraints.max_cost_usd, or wait",
        budget.name, budget.limit, counts.spent, counts.held,
    );
    TaskError { code: "budget_exceeded".into(), message, problems: Vec::new(), retry_after_ms }
}

/// Whether a task waits for its budgets instead of being refused because they cannot be read: nobody
/// waits for its answer, or it was handed out before, so that an executor may be at work on it. `delivery`
/// counts from 1.
#[must_use]
pub fn waits(is_awaited: bool, delivery: u64) -> bool {
    (!is_awaited || delivery > 1) && delivery < DELIVERIES_OF_PATIENCE
}

/// What a task hears while budgets cannot be read; nothing when each of them lets it go on.
#[must_use]
pub fn unavailable(budgets: &[Budget]) -> Option<TaskError> {
    let strict = budgets.iter().find(|budget| budget.on_outage == OnOutage::Deny)?;
    let message = format!("budget {} cannot be read at the moment; send the task again", strict.name);
    Some(TaskError { code: UNAVAILABLE.into(), message, problems: Vec::new(), retry_after_ms: Some(OUTAGE_RETRY_MS) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn usd(text: &str) -> PicoUsd {
        text.parse().unwrap()
    }

    fn budget(name: &str, on_outage: OnOutage) -> Budget {
        Budget { name: name.into(), limit: usd("10"), period: Period::Day, on_outage, pace: false }
    }

    fn check(spent: &str, held: &str, amount: &str, retry_after_ms: Option<u64>) {
        let now = serde_json::from_value("2026-11-23T23:59:00Z".into()).unwrap();
        let counts = Counts { spent: usd(spent), held: usd(held) };
        let error = exceeded(&budget("daily", OnOutage::Deny), counts, usd(amount), now);
        assert_eq!((error.code.as_str(), error.retry_after_ms), ("budget_exceeded", retry_after_ms));
        let wanted = format!(
            "limit 10 US dollars, spent {spent}, held {held}, this task up to {amount}; it resets at 2026-11-24T00:00:00Z"
        );
        assert!(error.message.starts_with("budget daily") && error.message.contains(&wanted), "{}", error.message);
    }

    #[test]
    fn a_task_waits_for_budgets_unless_somebody_waits_for_it_and_nobody_works_on_it() {
        let cases = [
            (false, 1, true),
            (false, 19, true),
            (false, 20, false),
            (true, 1, false),
            (true, 2, true),
            (true, 20, false),
        ];
        for (is_awaited, delivery, wanted) in cases {
            assert_eq!(waits(is_awaited, delivery), wanted, "{is_awaited} {delivery}");
        }
    }

    #[test]
    fn who_does_not_fit_hears_when_it_may() {
        check("9.5", "0", "1", Some(60_000));
        check("2", "7.5", "1", Some(1_000));
        check("0", "0", "10.5", None);
    }

    #[test]
    fn one_strict_budget_is_enough_to_refuse_in_an_outage() {
        let (strict, lenient) = (budget("strict", OnOutage::Deny), budget("lenient", OnOutage::Allow));
        assert_eq!(unavailable(&[]), None);
        assert_eq!(unavailable(std::slice::from_ref(&lenient)), None);
        let error = unavailable(&[lenient, strict]).unwrap();
        assert_eq!((error.code.as_str(), error.retry_after_ms), ("budget_unavailable", Some(2_000)));
        assert!(error.message.contains("strict"), "{}", error.message);
    }

    #[test]
    fn the_same_id_from_another_team_or_origin_is_another_hold() {
        let (a, b): (Team, Team) = ("a".parse().unwrap(), "b".parse().unwrap());
        let task = TaskId::of_stored("s", 1);
        let names =
            [hold_name(&a, Origin::Api, task), hold_name(&b, Origin::Api, task), hold_name(&a, Origin::Bus, task)];
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}
