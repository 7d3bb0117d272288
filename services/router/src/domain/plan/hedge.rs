//! A second call where the first is late ("The Tail at Scale": the second starts when 95 of 100
//! answers are there, so that it is one call in twenty).

use super::{Planning, Shape, followed};
use crate::domain::filter::Eligible;
use neptune_contracts::plan::Strategy;

/// Shares of the answers that are there: of half of them, of those in time, of all but the last.
const MEDIAN: f64 = 0.50;
const LATE: f64 = 0.95;
const LAST: f64 = 0.99;
/// Without measured latencies the second call starts after this many times the expected one.
const UNMEASURED: u64 = 2;

/// A hedge as the route asks for it.
///
/// # Errors
/// Why there is none.
pub(super) fn asked(planning: &Planning<'_, '_>) -> Result<Shape, String> {
    let two = pair(planning)?;
    let [first, _] = two;
    let set = planning.policy.spec.and_then(|spec| spec.hedge).and_then(|hedge| hedge.delay_ms);
    let (delay_ms, by) = match (set, quantile_ms(planning, first, LATE)) {
        (Some(delay_ms), _) => (delay_ms, "as the route sets it"),
        (None, Some(late_ms)) => (late_ms, "when 95 of 100 of its answers are there"),
        (None, None) => (first.estimate.latency_ms.saturating_mul(UNMEASURED), "twice the expected time"),
    };
    let why = format!("{by}; route {} asks for it", planning.policy.name);
    Ok(shape(planning, two, delay_ms, &why))
}

/// A hedge, when the task is short of time, the slowest answers of the first model are later than a
/// second call would bring one, and not too many calls were hedged lately.
pub(super) fn worth_it(planning: &Planning<'_, '_>) -> Option<Shape> {
    let constraints = &planning.request.task.constraints;
    let is_short = constraints.deadline.is_some() || constraints.max_latency_ms.is_some();
    if !is_short || !planning.snapshot.may_hedge {
        return None;
    }
    let two = pair(planning).ok()?;
    let [first, second] = two;
    let (late_ms, last_ms) = (quantile_ms(planning, first, LATE)?, quantile_ms(planning, first, LAST)?);
    let usual_ms = quantile_ms(planning, second, MEDIAN)?;
    if last_ms <= late_ms.saturating_add(usual_ms) {
        return None;
    }
    let why = format!(
        "one of its answers in a hundred takes {last_ms} ms or more, and {} usually takes {usual_ms} ms",
        second.name
    );
    Some(shape(planning, two, late_ms, &why))
}

/// The first model, and the next one of its zone; both within the cap.
fn pair<'p, 'a>(planning: &Planning<'p, 'a>) -> Result<[&'p Eligible<'a>; 2], String> {
    let first = planning.ordered.first().ok_or("no model is left")?;
    let others = || planning.ordered.iter().skip(1).filter(|option| option.model.zone == first.model.zone);
    if others().next().is_none() {
        return Err(format!("no second model is left in zone {}", first.model.zone));
    }
    let fits =
        |second: &&Eligible<'_>| first.estimate.cost.saturating_add(second.estimate.cost) <= planning.wishes.max_cost;
    let second = others().find(fits).ok_or("two calls could cost more than the cap")?;
    Ok([first, second])
}

fn quantile_ms(planning: &Planning<'_, '_>, option: &Eligible<'_>, share: f64) -> Option<u64> {
    let statistics = planning.snapshot.statistics;
    statistics.age_ms(planning.snapshot.now.unix_micros() / 1_000)?;
    let measured = statistics.models.get(option.name)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a few minutes, never negative"
    )]
    let whole = |ms: f64| ms.round() as u64;
    measured.tail.quantile_ms(share).map(whole)
}

fn shape(planning: &Planning<'_, '_>, two: [&Eligible<'_>; 2], delay_ms: u64, why: &str) -> Shape {
    let [first, second] = two;
    let because =
        format!("{} is asked too when {} has not answered after {delay_ms} ms: {why}", second.name, first.name);
    Shape {
        strategy: Strategy::Hedge { delay_ms },
        attempts: followed(planning, two),
        judge: None,
        because: Some(because),
    }
}
