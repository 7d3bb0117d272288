//! What to do next with a plan: the whole control flow of failing over, as a function.

use super::classify::another_may_succeed;
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, ErrorClass},
    names::Zone,
    plan::{PlannedAttempt, Strategy, TaskRouted},
};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'p> {
    /// Make this attempt.
    Attempt(&'p PlannedAttempt),
    /// Hand the rest of the plan, from this index on, to an executor of another zone.
    HandOver(usize),
    /// The task is answered.
    Completed,
    /// The task ends without an answer.
    End(End),
}

/// Why a task ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every attempt was made, or none that is left can help.
    Exhausted,
    /// The deadline has passed.
    Expired,
    /// The admission is void by now.
    AdmissionExpired,
    /// The next attempt could exceed what the task may cost.
    OverCost {
        /// What is spent already.
        spent: PicoUsd,
        /// What the next attempt is expected to cost.
        next: PicoUsd,
        /// The limit.
        limit: PicoUsd,
    },
}

/// The next step of `routed` after `made` attempts (those of other executors left out), for an
/// executor of `zones`, at `now`.
///
/// A `single` plan has one attempt. The attempts of every other strategy are made one after the
/// other: `hedge`, `cascade` and `ensemble` are treated like `fallback`, and the router emits none
/// of the three.
#[must_use]
pub fn next<'p>(routed: &'p TaskRouted, made: &[Attempt], zones: &[Zone], now: Timestamp) -> Step<'p> {
    let last = made.last();
    if last.is_some_and(Attempt::succeeded) {
        return Step::Completed;
    }
    if last.and_then(|attempt| attempt.error.as_ref()).is_some_and(|error| !another_may_succeed(error.class)) {
        return Step::End(End::Exhausted);
    }
    if routed.task.constraints.deadline.is_some_and(|deadline| deadline.micros_since(now) < least_left_us(last)) {
        return Step::End(End::Expired);
    }
    let Some(planned) = routed.plan.attempts.get(made.len()).filter(|_| may_follow(routed, made)) else {
        return Step::End(End::Exhausted);
    };
    if routed.admission.expires_at <= now {
        return Step::End(End::AdmissionExpired);
    }
    if let Some(end) = over_cost(routed, made, planned) {
        return Step::End(end);
    }
    if zones.contains(&planned.zone) { Step::Attempt(planned) } else { Step::HandOver(made.len()) }
}

/// With less time than this before the deadline there is no further attempt. A call is cut a part of a
/// millisecond early, and when the router counted its time by another clock, by a little more: a
/// timeout so close to the deadline is the deadline's.
fn least_left_us(last: Option<&Attempt>) -> u64 {
    let timed_out =
        last.and_then(|attempt| attempt.error.as_ref()).is_some_and(|error| error.class == ErrorClass::Timeout);
    if timed_out { 20_000 } else { 1_000 }
}

fn may_follow(routed: &TaskRouted, made: &[Attempt]) -> bool {
    routed.plan.strategy != Strategy::Single || (made.is_empty() && routed.attempts_made.is_empty())
}

fn over_cost(routed: &TaskRouted, made: &[Attempt], planned: &PlannedAttempt) -> Option<End> {
    let limit = routed.admission.max_cost_usd?;
    let before = routed.task.attempts_before().iter().chain(&routed.attempts_made);
    let spent: PicoUsd = before.chain(made).map(|attempt| attempt.cost_usd).sum();
    let next = planned.expected_cost_usd;
    (spent.saturating_add(next) > limit).then_some(End::OverCost { spent, next, limit })
}

#[cfg(test)]
mod tests;
