use super::*;
use proptest::prelude::{prop_assert, proptest};

/// The spread after `answers` whose logarithms have that deviation around that mean.
fn measured(answers: f64, mean: f64, deviation: f64) -> Spread {
    let square = mean * mean + deviation * deviation;
    Spread {
        answers,
        latency_log: mean,
        latency_log_square: square,
        output_log: mean,
        output_log_square: square,
        ..Spread::default()
    }
}

#[test]
fn until_it_is_measured_the_prior_spread_holds() {
    let unknown = Spread::default();
    assert!((unknown.length_p90() - 1.80).abs() < 0.01, "{}", unknown.length_p90());
    assert!((unknown.latency_p95() - 1.57).abs() < 0.01, "{}", unknown.latency_p95());
    assert!(unknown.expected_cached_share().abs() < 1e-12);
}

#[test]
fn measured_answers_move_the_quantile_their_way() {
    let (steady, wild) = (measured(32.0, 7.0, 0.05), measured(32.0, 7.0, 1.0));
    assert!(steady.latency_p95() < 1.3 && steady.length_p90() < 1.5, "{steady:?}");
    assert!(wild.latency_p95() > 2.5 && wild.length_p90() > 1.9, "{wild:?}");
}

proptest! {
    /// Of a log-normal sample as many lie within the quantile as it says.
    #[test]
    fn quantiles_hold_what_they_say(deviation in 0.1..1.2_f64) {
        let spread = measured(1e9, 0.0, deviation);
        let mean = (deviation * deviation / 2.0).exp();
        // An even grid of probabilities stands for the sample; its normal quantiles by bisection of erf.
        let normal = |probability: f64| {
            let (mut low, mut high) = (-8.0_f64, 8.0);
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                let below = 0.5 * (1.0 + libm::erf(middle / std::f64::consts::SQRT_2));
                if below < probability { low = middle } else { high = middle }
            }
            low
        };
        let within = |limit: f64| {
            let sample = (0..400).map(|step| (deviation * normal((f64::from(step) + 0.5) / 400.0)).exp());
            f64::from(u32::try_from(sample.filter(|value| *value <= limit * mean).count()).unwrap_or(0)) / 400.0
        };
        prop_assert!((within(spread.latency_p95()) - 0.95).abs() < 0.006, "{}", within(spread.latency_p95()));
        prop_assert!((within(spread.length_p90()) - 0.90).abs() < 0.006, "{}", within(spread.length_p90()));
    }
}
