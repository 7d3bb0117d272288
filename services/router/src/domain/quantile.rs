//! How far answers stray from their mean: quantiles of latency and of length, by log-normal
//! distributions whose spread is measured.
//!
//! Lengths and latencies of answers are skewed and positive; their logarithms are nearly normal. So two
//! moments of the logarithms give any quantile, which is all that has to be kept in Redis.

use serde::{Deserialize, Serialize};

/// The measured spread counts as much as the prior one after so many answers.
const PRIOR_ANSWERS: f64 = 8.0;
/// Standard deviation of the logarithm of an answer's length, until it is measured: nine of ten answers
/// are then at most 1.8 times as long as the mean.
const PRIOR_LENGTH_DEVIATION: f64 = 0.6;
/// The same of its latency, at the length that is expected: 19 of 20 take at most 1.6 times the mean.
const PRIOR_LATENCY_DEVIATION: f64 = 0.3;
/// A spread beyond this is that of a few outliers.
const MOST_DEVIATION: f64 = 1.5;
/// Standard normal quantiles of 90 % and 95 %.
const NORMAL_90: f64 = 1.281_552;
const NORMAL_95: f64 = 1.644_854;

/// What was measured about single answers, beside their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// How many answers it is of, held at the number that means forget after.
    pub answers: f64,
    /// Mean of the logarithm of the latency in milliseconds, and of its square.
    pub latency_log: f64,
    /// See `latency_log`.
    pub latency_log_square: f64,
    /// Mean of the logarithm of the output tokens, and of its square.
    pub output_log: f64,
    /// See `output_log`.
    pub output_log_square: f64,
    /// Mean share of the input tokens that were read from the provider's cache, 0 to 1.
    pub cached_share: f64,
}

impl Spread {
    /// The latency that 95 % of calls stay within, as a multiple of the mean.
    #[must_use]
    pub fn latency_p95(&self) -> f64 {
        let measured = self.latency_log_square - self.latency_log * self.latency_log;
        self.quantile(measured, PRIOR_LATENCY_DEVIATION, NORMAL_95)
    }

    /// The standard deviation of the logarithm of an answer's length.
    #[must_use]
    pub fn length_deviation(&self) -> f64 {
        let measured = self.output_log_square - self.output_log * self.output_log;
        self.variance(measured, PRIOR_LENGTH_DEVIATION).sqrt()
    }

    /// The length that 90 % of answers stay within, as a multiple of the mean.
    #[must_use]
    pub fn length_p90(&self) -> f64 {
        let measured = self.output_log_square - self.output_log * self.output_log;
        self.quantile(measured, PRIOR_LENGTH_DEVIATION, NORMAL_90)
    }

    /// The share of the input that is expected to be read from the provider's cache; nothing is
    /// expected before it was seen.
    #[must_use]
    pub fn expected_cached_share(&self) -> f64 {
        (self.answers * self.cached_share / (self.answers + PRIOR_ANSWERS)).clamp(0.0, 1.0)
    }

    /// A quantile of a log-normal variable by its mean; at least one, because less would allow for less
    /// than the mean.
    fn quantile(&self, measured: f64, prior_deviation: f64, normal: f64) -> f64 {
        let variance = self.variance(measured, prior_deviation);
        (normal * variance.sqrt() - variance / 2.0).exp().max(1.0)
    }

    fn variance(&self, measured: f64, prior_deviation: f64) -> f64 {
        let most = MOST_DEVIATION * MOST_DEVIATION;
        let prior = PRIOR_ANSWERS * prior_deviation * prior_deviation;
        (self.answers * measured.clamp(0.0, most) + prior) / (self.answers + PRIOR_ANSWERS)
    }
}

#[cfg(test)]
mod tests;
