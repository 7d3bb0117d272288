//! What to do next with a plan: the whole control flow of failing over, as a function.

use super::classify::another_may_succeed;
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::Attempt,
    names::Zone,
    plan::{PlannedAttempt, TaskRouted},
};

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Step<'p> {
    /// Make this attempt.
    Attempt(&'p PlannedAttempt),
    /// Hand the rest of the plan, from this index on, to an executor of another zone.
    HandOver(usize),
    /// The task is answered.
    Completed,
    /// Every attempt was made, or none that is left can help.
    Exhausted,
    /// The deadline has passed.
    Expired,
    /// The next attempt could exceed what the task may cost.
    OverCost {
        /// What is spent already.
        spent: PicoUsd,
        /// The limit.
        limit: PicoUsd,
    },
    /// The plan names a model that governance did not admit.
    NotAdmitted(&'p PlannedAttempt),
}

/// The next step of `routed` after `made` attempts (those of other executors left out), for an
/// executor of `zones`, at `now`.
#[must_use]
pub fn next<'p>(routed: &'p TaskRouted, made: &[Attempt], zones: &[Zone], now: Timestamp) -> Step<'p> {
    let last = made.last();
    if last.is_some_and(Attempt::succeeded) {
        return Step::Completed;
    }
    if last.and_then(|attempt| attempt.error.as_ref()).is_some_and(|error| !another_may_succeed(error.class)) {
        return Step::Exhausted;
    }
    let deadline = routed.task.constraints.deadline;
    if deadline.is_some_and(|deadline| deadline <= now) {
        return Step::Expired;
    }
    let Some(planned) = routed.plan.attempts.get(made.len()) else { return Step::Exhausted };
    let admission = &routed.admission;
    if !admission.allowed_models.contains(&planned.model) || !admission.allowed_zones.contains(&planned.zone) {
        return Step::NotAdmitted(planned);
    }
    let spent: PicoUsd = routed.attempts_made.iter().chain(made).map(|attempt| attempt.cost_usd).sum();
    if let Some(limit) = admission.max_cost_usd.filter(|limit| spent.saturating_add(planned.expected_cost_usd) > *limit) {
        // The first attempt was weighed against the limit by the router; what was spent since was not.
        if spent > PicoUsd::ZERO {
            return Step::OverCost { spent, limit };
        }
    }
    if zones.contains(&planned.zone) { Step::Attempt(planned) } else { Step::HandOver(made.len()) }
}
