//! How long a call takes.

use std::time::Duration;

use super::behaviour::Latency;
use super::draw::Draws;

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// Nothing takes longer than this multiple of the 99th percentile, or one draw in millions would stop a test run.
const TAIL_LIMIT: f64 = 10.0;

/// The waiting time before an answer of `tokens` completion tokens.
#[expect(clippy::cast_precision_loss, reason = "a waiting time needs no more than 15 digits")]
pub fn wait(latency: Latency, per_token_ms: f64, tokens: u64, draws: &mut Draws) -> Duration {
    let base_ms = match latency {
        Latency::FixedMs(fixed) => fixed,
        Latency::UniformMs { min, max } => min + (max - min) * draws.fraction(),
        Latency::LognormalMs { p50, p99 } => {
            let sigma = (p99 / p50).ln() / Z99;
            (p50 * (sigma * normal(draws)).exp()).min(p99 * TAIL_LIMIT)
        }
    };
    let ms = base_ms + per_token_ms * tokens as f64;
    Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or(Duration::ZERO)
}

/// A standard normal number (Box and Muller 1958).
fn normal(draws: &mut Draws) -> f64 {
    // 1 - fraction is never 0, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - draws.fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * draws.fraction()).cos()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn percentiles(latency: Latency) -> (f64, f64) {
        let mut draws = Draws::new(7);
        let mut waits: Vec<f64> =
            (0..20_000).map(|_| wait(latency, 0.0, 0, &mut draws).as_secs_f64() * 1_000.0).collect();
        waits.sort_by(f64::total_cmp);
        (waits[10_000], waits[19_800])
    }

    #[test]
    fn distributions_have_the_percentiles_they_are_named_for() {
        let check = |latency, p50: f64, p99: f64| {
            let (got50, got99) = percentiles(latency);
            assert!((got50 / p50 - 1.0).abs() < 0.05, "p50 {got50} for {latency:?}");
            assert!((got99 / p99 - 1.0).abs() < 0.1, "p99 {got99} for {latency:?}");
        };
        check(Latency::FixedMs(12.0), 12.0, 12.0);
        check(Latency::UniformMs { min: 0.0, max: 100.0 }, 50.0, 99.0);
        check(Latency::LognormalMs { p50: 40.0, p99: 200.0 }, 40.0, 200.0);
    }

    #[test]
    fn each_token_adds_its_time() {
        let waited = wait(Latency::FixedMs(5.0), 0.5, 20, &mut Draws::new(0));
        assert_eq!(waited, Duration::from_millis(15));
    }
}
