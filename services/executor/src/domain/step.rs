//! What to do next with a plan: the whole control flow of failing over, as a function.

use super::{classify::another_may_succeed, once_more::once_more, output::re_ask};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, ErrorClass},
    names::Zone,
    plan::{PlannedAttempt, Strategy, TaskRouted},
};

/// How far an executor has come with a plan.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'m> {
    /// The attempts it made, in the order in which they began.
    pub made: &'m [Attempt],
    /// Attempts of the plan that were begun; the next one has this index.
    pub begun: usize,
    /// The model that was called last was told what is wrong with its answer, or is not to be.
    pub is_told: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'p> {
    /// Make this attempt.
    Attempt(&'p PlannedAttempt),
    /// Tell the model what is wrong with its last answer, in an attempt like this one.
    ReAsk(&'p PlannedAttempt),
    /// Call this model again, which failed for what passes quickly, because the plan has no other one.
    Retry {
        /// What is attempted again.
        planned: &'p PlannedAttempt,
        /// After this pause.
        pause_ms: u64,
    },
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
    /// The answer is not wanted any more.
    Cancelled,
    /// The answer broke off after pieces of it were passed on; another one would contradict them.
    Interrupted,
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

/// The next step of `routed` after `progress` (attempts of other executors left out), for an
/// executor of `zones`, at `now`.
///
/// A `single` plan has one attempt, which is made once more where it failed for what passes quickly; those of
/// the others follow one another. An answer that fails the
/// task's checks is told to its model once, unless a cascade has another model for that.
#[must_use]
pub fn next<'p>(routed: &'p TaskRouted, progress: &Progress<'_>, zones: &[Zone], now: Timestamp) -> Step<'p> {
    let (made, last) = (progress.made, progress.made.last());
    if made.iter().any(Attempt::serves) {
        return Step::Completed;
    }
    if made.iter().chain(&routed.attempts_made).any(|attempt| attempt.chunks > 0) {
        return Step::End(End::Interrupted);
    }
    if last.and_then(|attempt| attempt.error.as_ref()).is_some_and(|error| !another_may_succeed(error.class)) {
        return Step::End(End::Exhausted);
    }
    if routed.task.constraints.deadline.is_some_and(|deadline| deadline.micros_since(now) < least_left_us(last)) {
        return Step::End(End::Expired);
    }
    let planned = routed.plan.attempts.get(progress.begun).filter(|_| may_follow(routed, progress));
    if let Some(again) = to_be_told(routed, progress, planned.is_some(), now) {
        return Step::ReAsk(again);
    }
    let Some(planned) = planned else { return retried(routed, progress, zones, now) };
    if routed.admission.expires_at <= now {
        return Step::End(End::AdmissionExpired);
    }
    if let Some(end) = over_cost(routed, made, planned.expected_cost_usd) {
        return Step::End(end);
    }
    if zones.contains(&planned.zone) { Step::Attempt(planned) } else { Step::HandOver(progress.begun) }
}

/// The attempts with which `routed` may begin at once: the first ones that run in `zones` and
/// together stay within what the task may cost. None when `next` has another step first.
#[must_use]
pub fn at_once<'p>(routed: &'p TaskRouted, most: usize, zones: &[Zone], now: Timestamp) -> &'p [PlannedAttempt] {
    let nothing = Progress { made: &[], begun: 0, is_told: false };
    if !matches!(next(routed, &nothing, zones, now), Step::Attempt(_)) {
        return &[];
    }
    let mut together = PicoUsd::ZERO;
    let fits = |planned: &&PlannedAttempt| {
        together = together.saturating_add(planned.expected_cost_usd);
        zones.contains(&planned.zone) && over_cost(routed, &[], together).is_none()
    };
    let count = routed.plan.attempts.iter().take(most).take_while(fits).count();
    routed.plan.attempts.get(..count).unwrap_or_default()
}

/// Whether a call beyond the plan's attempts, such as a judge's or a second one beside one that is
/// under way, may be made after `made`, when the calls that are not paid yet cost `cost`.
#[must_use]
pub fn may_call(
    routed: &TaskRouted,
    made: &[Attempt],
    (planned, cost): (&PlannedAttempt, PicoUsd),
    (zones, now): (&[Zone], Timestamp),
) -> bool {
    let in_time = |deadline: Timestamp| deadline.micros_since(now) >= least_left_us(None);
    zones.contains(&planned.zone)
        && routed.admission.expires_at > now
        && routed.task.constraints.deadline.is_none_or(in_time)
        && over_cost(routed, made, cost).is_none()
}

/// The attempt that is made again with what was wrong with its answer.
fn to_be_told<'p>(
    routed: &'p TaskRouted,
    progress: &Progress<'_>,
    is_followed: bool,
    now: Timestamp,
) -> Option<&'p PlannedAttempt> {
    let last = progress.made.last()?;
    let is_wrong = last.validation.as_ref().is_some_and(|validation| !validation.passed);
    let is_cascaded = routed.plan.strategy == Strategy::Cascade && is_followed;
    if !is_wrong || progress.is_told || is_cascaded || routed.admission.expires_at <= now {
        return None;
    }
    let begun = routed.plan.attempts.get(..progress.begun)?;
    let planned = begun.iter().rfind(|planned| planned.model == last.model)?;
    let cost = re_ask::expected_cost(last, planned.expected_cost_usd);
    over_cost(routed, progress.made, cost).is_none().then_some(planned)
}

/// What is done when the plan has no other attempt left.
fn retried<'p>(routed: &'p TaskRouted, progress: &Progress<'_>, zones: &[Zone], now: Timestamp) -> Step<'p> {
    let again = once_more(routed, progress, now).filter(|(planned, _)| {
        zones.contains(&planned.zone)
            && routed.admission.expires_at > now
            && over_cost(routed, progress.made, planned.expected_cost_usd).is_none()
    });
    again.map_or(Step::End(End::Exhausted), |(planned, pause_ms)| Step::Retry { planned, pause_ms })
}

/// With less time than this before the deadline there is no further attempt. A call is cut a part of a
/// millisecond early, and when the router counted its time by another clock, by a little more: a
/// timeout so close to the deadline is the deadline's.
fn least_left_us(last: Option<&Attempt>) -> u64 {
    let timed_out =
        last.and_then(|attempt| attempt.error.as_ref()).is_some_and(|error| error.class == ErrorClass::Timeout);
    if timed_out { 20_000 } else { 1_000 }
}

fn may_follow(routed: &TaskRouted, progress: &Progress<'_>) -> bool {
    let is_first = progress.begun == 0 && routed.attempts_made.iter().all(Attempt::is_lost);
    routed.plan.strategy != Strategy::Single || is_first
}

fn over_cost(routed: &TaskRouted, made: &[Attempt], next: PicoUsd) -> Option<End> {
    let limit = routed.admission.max_cost_usd?;
    let before = routed.task.attempts_before().iter().chain(&routed.attempts_made);
    let spent: PicoUsd = before.chain(made).map(|attempt| attempt.cost_usd).sum();
    (spent.saturating_add(next) > limit).then_some(End::OverCost { spent, next, limit })
}

#[cfg(test)]
mod tests;
