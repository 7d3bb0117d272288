//! How fast a model says its answers, in two parts: the time to the first token, and the time of each
//! one after it. Only streamed answers tell them apart; the parts of a long answer and of a short one are
//! the same, so that what was learnt from one kind of work's long answers holds for a short one.
//!
//! Both are skewed and positive like whole latencies, and kept as moments of their logarithms.

use serde::{Deserialize, Serialize};

/// Measured parts count as much as what is expected without them after so many answers.
const PRIOR_ANSWERS: f64 = 4.0;
/// And their spread as much as the prior one.
const PRIOR_SPREADS: f64 = 8.0;
/// Standard deviation of the logarithm of either part until it is measured.
const PRIOR_DEVIATION: f64 = 0.3;
/// A spread beyond this is that of a few outliers.
const MOST_DEVIATION: f64 = 1.5;
/// The standard normal quantile of 95 %.
const NORMAL_95: f64 = 1.644_854;

/// What was measured of streamed answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Speed {
    /// How many answers it is of, held at the number that means forget after.
    pub answers: f64,
    /// Mean time to the first token, in milliseconds.
    pub first_ms: f64,
    /// Mean of its logarithm, and of the square of that.
    pub first_log: f64,
    /// See `first_log`.
    pub first_log_square: f64,
    /// Mean time of each token after the first, in milliseconds.
    pub token_ms: f64,
    /// Mean of its logarithm, and of the square of that.
    pub token_log: f64,
    /// See `token_log`.
    pub token_log_square: f64,
}

/// The two parts of one call, in milliseconds: of the first token, and of all that follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    /// To the first token.
    pub first_ms: f64,
    /// From it to the end.
    pub rest_ms: f64,
}

impl Parts {
    /// Both together; never nothing.
    #[must_use]
    pub fn whole_ms(self) -> f64 {
        (self.first_ms + self.rest_ms).max(1.0)
    }
}

impl Speed {
    /// Whether any streamed answer was measured.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.answers > 0.0
    }

    /// The parts of an answer of `tokens` tokens, of which `expected` is known without streamed answers.
    #[must_use]
    pub fn parts(&self, tokens: f64, expected: Parts) -> Parts {
        let mixed = |measured: f64, prior: f64| {
            (self.answers * measured + PRIOR_ANSWERS * prior) / (self.answers + PRIOR_ANSWERS)
        };
        Parts {
            first_ms: mixed(self.first_ms, expected.first_ms),
            rest_ms: mixed(self.token_ms * tokens, expected.rest_ms),
        }
    }

    /// The time that 95 % of calls stay within, in milliseconds, where the length of answers has the
    /// standard deviation `length` of its logarithm. What is slow to begin is slow to go on, so the
    /// spreads of the two parts add up, and nothing is hoped for from their cancelling out.
    #[must_use]
    pub fn p95_ms(&self, parts: Parts, length: f64) -> f64 {
        let first = self.variance(self.first_log, self.first_log_square);
        let rest = self.variance(self.token_log, self.token_log_square) + length * length;
        let relative = |variance: f64| variance.exp_m1().sqrt();
        let mean = parts.whole_ms();
        let deviation = parts.first_ms * relative(first) + parts.rest_ms * relative(rest);
        // The log-normal variable of that mean and deviation.
        let variance = (deviation / mean).powi(2).ln_1p();
        mean * (NORMAL_95 * variance.sqrt() - variance / 2.0).exp().max(1.0)
    }

    fn variance(&self, mean: f64, square: f64) -> f64 {
        let measured = (square - mean * mean).clamp(0.0, MOST_DEVIATION * MOST_DEVIATION);
        let prior = PRIOR_SPREADS * PRIOR_DEVIATION * PRIOR_DEVIATION;
        (self.answers * measured + prior) / (self.answers + PRIOR_SPREADS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    /// Of many answers whose parts all are as given.
    fn steady(first_ms: f64, token_ms: f64) -> Speed {
        let (first, token) = (first_ms.ln(), token_ms.ln());
        Speed {
            answers: 1e6,
            first_ms,
            first_log: first,
            first_log_square: first * first,
            token_ms,
            token_log: token,
            token_log_square: token * token,
        }
    }

    const EXPECTED: Parts = Parts { first_ms: 600.0, rest_ms: 1_000.0 };

    #[test]
    fn without_streamed_answers_what_is_expected_holds() {
        assert_eq!(Speed::default().parts(100.0, EXPECTED), EXPECTED);
        assert!(!Speed::default().is_measured());
    }

    #[test]
    fn a_short_answer_takes_the_first_token_and_a_long_one_the_rest() {
        let speed = steady(2_000.0, 10.0);
        let (short, long) = (speed.parts(1.0, EXPECTED), speed.parts(1_000.0, EXPECTED));
        assert!((short.whole_ms() - 2_010.0).abs() < 1.0 && (long.whole_ms() - 12_000.0).abs() < 10.0);
        // Steady parts, lengths that vary: only the long answer may take much longer than usual.
        assert!(speed.p95_ms(short, 0.6) < 1.02 * short.whole_ms(), "{}", speed.p95_ms(short, 0.6));
        assert!(speed.p95_ms(long, 0.6) > 1.7 * long.whole_ms(), "{}", speed.p95_ms(long, 0.6));
    }

    proptest! {
        #[test]
        fn the_quantile_is_never_below_the_mean_and_grows_with_the_spread(first in 1.0..1e5_f64, token in 0.1..1e3_f64, tokens in 1.0..1e4_f64, length in 0.0..1.0_f64) {
            let speed = steady(first, token);
            let parts = speed.parts(tokens, EXPECTED);
            let narrow = speed.p95_ms(parts, 0.0);
            prop_assert!(narrow >= parts.whole_ms() && speed.p95_ms(parts, length) >= 0.99 * narrow);
        }
    }
}
