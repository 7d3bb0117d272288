#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::indexing_slicing)]
use super::*;
use crate::domain::{draw::Draws, estimate::Estimate, explore::pick, quality::Posterior};
use neptune_contracts::{PicoUsd, resource::ModelSpec};
use neptune_testkit::builders;

const WEIGHTS: Weights = Weights { value_usd: 0.02, usd_per_second: 0.0 };
const DRAWS: u32 = 20_000;

/// Models as (mean, mass, cost in micro-dollars).
fn options<'a>(spec: &'a ModelSpec, given: &[(&'a str, f64, f64, i64)]) -> Vec<Eligible<'a>> {
    let option = |(name, mean, mass, micro_usd): &(&'a str, f64, f64, i64)| Eligible {
        name,
        model: spec,
        estimate: Estimate {
            quality: *mean,
            success: 0.98,
            output_tokens: 10,
            cautious_output_tokens: 10,
            cost: PicoUsd(micro_usd * 1_000_000),
            cautious_cost: PicoUsd(micro_usd * 1_000_000),
            latency_ms: 500,
            latency_p95_ms: 1_000,
            load: 0.0,
        },
        quality: Posterior { mean: *mean, mass: *mass },
        observations: [1.0; 4],
        words: 0.0,
        fallback_only: false,
    };
    given.iter().map(option).collect()
}

/// How often each model is chosen by the draws of as many tasks.
fn counted(options: &[Eligible<'_>], min_quality: f64) -> Vec<f64> {
    let mut counts = vec![0_u32; options.len()];
    for task in 0..DRAWS {
        let draws = Draws::new(u128::from(task) << 40, "p");
        let prospects: Vec<Prospect> = options
            .iter()
            .map(|option| {
                let mut estimate = option.estimate;
                estimate.quality = draws.quality(option.name, option.quality.mean, option.quality.mass);
                let drawn_usd = utility(&estimate, estimate.success, &WEIGHTS);
                Prospect { drawn_usd, ..prospect(option, &WEIGHTS) }
            })
            .collect();
        counts[pick(&prospects, min_quality, None).unwrap().index] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / f64::from(DRAWS)).collect()
}

/// Each propensity is the share of the draws that choose so, to two percentage points, and together
/// they are one.
fn check(given: &[(&str, f64, f64, i64)], min_quality: f64) {
    let spec = builders::model(0.9, "1");
    let options = options(&spec, given);
    let counted = counted(&options, min_quality);
    let mut sum = 0.0;
    for (index, share) in counted.iter().enumerate() {
        let pick = Pick { index, explored: false };
        let told = propensity(&options, &WEIGHTS, min_quality, (pick, true));
        if *share > 0.0 {
            sum += told;
            assert!((told - share).abs() < 0.02, "{given:?}: {told} of {}, drawn {share}", options[index].name);
        }
    }
    assert!((sum - 1.0).abs() < 0.02, "{given:?}: {sum}");
}

#[test]
fn a_propensity_is_the_share_of_draws() {
    check(&[("a", 0.9, 10.0, 100), ("b", 0.9, 10.0, 100)], 0.0);
    check(&[("a", 0.9, 10.0, 100), ("b", 0.88, 40.0, 120), ("c", 0.85, 10.0, 40)], 0.0);
    check(&[("a", 0.95, 100.0, 100), ("b", 0.9, 12.0, 100)], 0.0);
    check(&[("a", 0.5, 10.0, 100), ("b", 0.45, 30.0, 40), ("c", 0.42, 200.0, 10)], 0.0);
    check(&[("a", 0.98, 18.0, 900), ("b", 0.93, 18.0, 100), ("far", 0.7, 10.0, 0)], 0.0);
    let many: Vec<(&str, f64, f64, i64)> =
        ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|name| (*name, 0.75, 80.0, 100)).collect();
    check(&many, 0.0);
}

#[test]
fn a_model_below_the_floor_wins_no_draw() {
    check(&[("a", 0.9, 10.0, 100), ("b", 0.88, 10.0, 100), ("c", 0.84, 10.0, 100)], 0.86);
}

#[test]
fn without_draws_and_without_rivals_the_choice_is_certain() {
    let spec = builders::model(0.9, "1");
    let options = options(&spec, &[("a", 0.9, 10.0, 100), ("b", 0.89, 10.0, 100)]);
    let pick = Pick { index: 0, explored: false };
    assert_eq!(propensity(&options, &WEIGHTS, 0.0, (pick, false)), 1.0);
    assert_eq!(propensity(&options[..1], &WEIGHTS, 0.0, (pick, true)), 1.0);
}
