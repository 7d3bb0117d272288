//! A cheap model first, and a strong one where the task's checks refuse the cheap one's answer
//! (FrugalGPT's cascade, with the checks of the task in place of a learned scorer).

use super::{Planning, Shape, followed};
use crate::domain::{checks::Rates, choose::utility, estimate::Estimate, filter::Eligible, route::Weights};
use neptune_contracts::plan::Strategy;

/// Share of wrong answers that checks of the form find, as measured elsewhere; until the facts say more.
const CATCH_RATE: f64 = 0.3;
/// Share of right answers that they refuse.
const FALSE_FLAG_RATE: f64 = 0.02;
/// How much two models are right about the same tasks, as a correlation; measured for pairs of
/// general models. Where one is wrong, the other is less often right than usual.
const AGREEMENT: f64 = 0.5;

/// What a cascade is expected to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    /// Probability that the answer is right, given that calls are answered.
    pub(super) quality: f64,
    /// Share of the first answers that are refused.
    pub(super) refused: f64,
    /// What it is worth, in US dollars.
    pub(super) utility_usd: f64,
}

/// What a cascade of `weak` and `strong` is expected to be like.
pub(super) fn expected(weak: &Estimate, strong: &Estimate, rates: Rates, weights: &Weights) -> Expected {
    let Rates { caught, flagged } = rates;
    let (right, wrong) = (weak.quality, 1.0 - weak.quality);
    let refused = right * flagged + wrong * caught;
    let (if_right, if_wrong) = given(right, strong.quality);
    let quality = right * (1.0 - flagged) + right * flagged * if_right + wrong * caught * if_wrong;
    #[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds fits")]
    let seconds = |estimate: &Estimate| estimate.latency_ms as f64 / 1_000.0;
    let cost_usd = |estimate: &Estimate| estimate.cost.as_usd_f64() / estimate.success.max(0.01);
    // As a model alone is valued: what comes of a call that is not answered is left to the fallback.
    let utility_usd = weights.value_usd * weak.success * quality
        - (cost_usd(weak) + refused * cost_usd(strong))
        - weights.usd_per_second * (seconds(weak) + refused * seconds(strong));
    Expected { quality, refused, utility_usd }
}

/// The strong model's quality where the weak one is right, and where it is wrong.
fn given(weak: f64, strong: f64) -> (f64, f64) {
    let shared = AGREEMENT * (weak * (1.0 - weak) * strong * (1.0 - strong)).max(0.0).sqrt();
    let if_right = if weak > 0.0 { strong + shared / weak } else { strong };
    let if_wrong = if weak < 1.0 { strong - shared / (1.0 - weak) } else { strong };
    (if_right.clamp(0.0, 1.0), if_wrong.clamp(0.0, 1.0))
}

/// The best cascade, when it is worth more than the best model alone.
pub(super) fn worth_it(planning: &Planning<'_, '_>) -> Option<Shape> {
    let (weak, strong, expected) = best(planning)?;
    let alone = planning.ordered.first()?;
    let alone_usd = utility(&alone.estimate, alone.estimate.success, &planning.policy.weights);
    let lead = expected.utility_usd - alone_usd;
    (lead > 0.0)
        .then(|| shape(planning, [weak, strong], expected, &format!("${lead:.6} more than {} alone", alone.name)))
}

/// The best cascade there is.
///
/// # Errors
/// Why there is none.
pub(super) fn asked(planning: &Planning<'_, '_>) -> Result<Shape, String> {
    if !is_checked(planning) {
        return Err("the task's output is not checked, so that nothing would be refused".to_owned());
    }
    let none = "no two models are left of which one is cheaper and the other better, within the limits together";
    let (weak, strong, expected) = best(planning).ok_or(none)?;
    let lead = format!("as route {} asks", planning.policy.name);
    Ok(shape(planning, [weak, strong], expected, &lead))
}

fn is_checked(planning: &Planning<'_, '_>) -> bool {
    planning.request.task.output.as_ref().is_some_and(|output| output.has_checks())
}

/// What the checks are worth, by the settings and the facts, and by how many of these.
fn rates(planning: &Planning<'_, '_>) -> (Rates, f64) {
    let spec = planning.policy.spec.and_then(|spec| spec.cascade).unwrap_or_default();
    let settings = Rates {
        caught: spec.catch_rate.unwrap_or(CATCH_RATE),
        flagged: spec.false_flag_rate.unwrap_or(FALSE_FLAG_RATE),
    };
    let counts = planning.snapshot.outlook.checks;
    counts.map_or((settings, 0.0), |counts| settings.in_context(&planning.request.context, counts))
}

/// The pair that is worth the most; the first of equals.
fn best<'p, 'a>(planning: &Planning<'p, 'a>) -> Option<(&'p Eligible<'a>, &'p Eligible<'a>, Expected)> {
    if !is_checked(planning) {
        return None;
    }
    let (rates, _) = rates(planning);
    let candidates = || planning.ranked.iter().filter(|option| !option.fallback_only);
    let mut best: Option<(&Eligible<'_>, &Eligible<'_>, Expected)> = None;
    for weak in candidates() {
        for strong in candidates().filter(|strong| fits(planning, &weak.estimate, &strong.estimate)) {
            let found = expected(&weak.estimate, &strong.estimate, rates, &planning.policy.weights);
            if best.as_ref().is_none_or(|(.., known)| found.utility_usd > known.utility_usd) {
                best = Some((weak, strong, found));
            }
        }
    }
    best
}

/// Whether the strong model is dearer and better, and both together stay within cost and time.
fn fits(planning: &Planning<'_, '_>, weak: &Estimate, strong: &Estimate) -> bool {
    let together_ms = weak.latency_ms.saturating_add(strong.latency_ms);
    let is_step = strong.quality > weak.quality && strong.cost > weak.cost;
    is_step
        && together_ms <= planning.wishes.max_latency_ms.min(planning.left_ms)
        && weak.cautious_cost.saturating_add(strong.cautious_cost) <= planning.wishes.max_cost
}

fn shape(planning: &Planning<'_, '_>, two: [&Eligible<'_>; 2], expected: Expected, lead: &str) -> Shape {
    let [weak, strong] = two;
    let (Rates { caught, flagged }, answers) = rates(planning);
    let by = if answers > 0.0 { format!("by {answers:.0} checked answers") } else { "as set".to_owned() };
    let because = format!(
        "{} first, and {} where the task's checks refuse its answer (expected {:.0} % of the time): together quality {:.2}, {lead}; \
         the checks find {:.0} % of wrong answers and refuse {:.1} % of right ones, {by}",
        weak.name,
        strong.name,
        expected.refused * 100.0,
        expected.quality,
        caught * 100.0,
        flagged * 100.0,
    );
    Shape { strategy: Strategy::Cascade, attempts: followed(planning, two), judge: None, because: Some(because) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neptune_contracts::PicoUsd;
    use proptest::prelude::*;

    fn estimate(quality: f64, micro_usd: i64) -> Estimate {
        let cost = PicoUsd(micro_usd * 1_000_000);
        Estimate {
            quality,
            success: 1.0,
            output_tokens: 1,
            cautious_output_tokens: 1,
            cost,
            cautious_cost: cost,
            latency_ms: 1_000,
            latency_p95_ms: 2_000,
            load: 0.0,
        }
    }

    const WEIGHTS: Weights = Weights { value_usd: 0.02, usd_per_second: 0.0 };

    /// Measured on ZeroEval, gpt-4o-mini before claude-3.5-sonnet (77.3 and 82.9 % right).
    #[test]
    fn it_is_as_good_as_was_measured() {
        let (weak, strong) = (estimate(0.773, 10), estimate(0.829, 100));
        for (caught, flagged, wanted) in [(0.8, 0.05, 0.852), (0.6, 0.1, 0.827), (0.3, 0.02, 0.803)] {
            let found = expected(&weak, &strong, Rates { caught, flagged }, &WEIGHTS).quality;
            assert!((found - wanted).abs() < 0.012, "{caught}/{flagged}: {found}, measured {wanted}");
        }
    }

    proptest! {
        #[test]
        fn what_is_expected_is_a_probability(weak in 0.0..=1.0_f64, strong in 0.0..=1.0_f64, caught in 0.0..=1.0_f64, flagged in 0.0..=1.0_f64) {
            let found = expected(&estimate(weak, 1), &estimate(strong, 9), Rates { caught, flagged }, &WEIGHTS);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&found.quality) && (0.0..=1.0).contains(&found.refused));
        }

        #[test]
        fn without_checks_it_is_the_weak_model(weak in 0.0..=1.0_f64, strong in 0.0..=1.0_f64) {
            let found = expected(&estimate(weak, 1), &estimate(strong, 9), Rates { caught: 0.0, flagged: 0.0 }, &WEIGHTS);
            prop_assert!((found.quality - weak).abs() < 1e-12 && found.refused == 0.0);
            let alone = utility(&estimate(weak, 1), 1.0, &WEIGHTS);
            prop_assert!((found.utility_usd - alone).abs() < 1e-12);
        }

        #[test]
        fn better_checks_make_it_better(weak in 0.0..=1.0_f64, strong in 0.0..=1.0_f64, caught in 0.0..=0.5_f64, more in 0.0..=0.5_f64) {
            let of = |caught| expected(&estimate(weak, 1), &estimate(strong, 9), Rates { caught, flagged: 0.0 }, &WEIGHTS).quality;
            prop_assert!(of(caught + more) >= of(caught) - 1e-12);
        }
    }
}
