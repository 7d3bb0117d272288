//! How one simulated model behaves, as declared in the configuration file or through the admin route.

use serde::{Deserialize, Serialize};

use super::batching::Batching;
pub use super::fault::{Fault, Faults};
use super::incident::Incident;
use super::limits::Limits;
use super::price::Price;

/// The longest waiting time a behaviour may ask for: an hour, in milliseconds.
const MAX_WAIT_MS: f64 = 3_600_000.0;

/// The longest window of rate limits, in milliseconds.
const MAX_WINDOW_MS: u64 = 3_600_000;

/// One model's behaviour. Everything has a default: no waiting, no faults, no price.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Behaviour {
    /// How long an answer takes.
    pub latency: Latency,
    /// What an answer takes in addition for each completion token, in milliseconds.
    pub per_output_token_ms: f64,
    /// How often and how calls go wrong.
    pub faults: Faults,
    /// This many of the next calls go wrong whatever the rates say.
    pub fail_next: u32,
    /// How they go wrong.
    pub fail_with: Fault,
    /// What goes wrong for a while, beginning when the behaviour is declared: `fail 30 % for 60 s`. The first one that
    /// strikes a call decides, and `faults` hold for the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// Rate limits; none when absent. A call beyond them is a 429 that says when the window ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// With a seed, faults and waiting times depend only on it, the request, and how often the same request came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How batches of calls go.
    #[serde(skip_serializing_if = "Batching::is_usual")]
    pub batch: Batching,
    /// How tokens are counted.
    pub tokens: Tokens,
    /// The model of the replayed outcomes whose answers it gives (`NEPTUNE_SIMULATOR_REPLAY`); to a prompt that is none
    /// of theirs it answers as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replays: Option<String>,
    /// Always this answer instead of one derived from the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What the account charges; free when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// A distribution of waiting times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Latency {
    /// Always the same.
    FixedMs(f64),
    /// Evenly between two bounds.
    UniformMs {
        /// The shortest.
        min: f64,
        /// The longest.
        max: f64,
    },
    /// Log-normal, as real providers are: many near the median and a long tail.
    LognormalMs {
        /// The median.
        p50: f64,
        /// One of a hundred takes longer.
        p99: f64,
    },
}

impl Default for Latency {
    fn default() -> Self {
        Self::FixedMs(0.0)
    }
}

/// How tokens are counted. Prompt and completion tokens are always a quarter of the characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Tokens {
    /// The share of prompt tokens, 0 to 1, reported as read from the provider's cache.
    pub cached_share: f64,
    /// The share of prompt tokens, 0 to 1, reported as written to the provider's cache, where it counts them.
    pub cache_write_share: f64,
    /// Reasoning tokens added to each completion.
    pub reasoning: u64,
}

/// Why a behaviour makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a share.
    #[error("{0} must be between 0 and 1")]
    Share(&'static str),
    /// The fault rates exceed every call.
    #[error("the rates of faults add up to more than 1")]
    TooManyFaults,
    /// More than the price, or nothing.
    #[error("batch.pricePercent must be between 1 and 100")]
    Percent,
    /// Negative, not a number, or longer than an hour.
    #[error("{0} must be between 0 and 3600000 milliseconds")]
    Wait(&'static str),
    /// No time, or longer than an hour.
    #[error("limits.windowMs must be between 1 and 3600000")]
    Window,
    /// Bounds the wrong way round, or a log-normal median of 0.
    #[error("latency needs min <= max, and 0 < p50 <= p99")]
    Order,
}

impl Behaviour {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// Names the first field that makes no sense.
    pub fn check(&self) -> Result<(), Error> {
        self.faults.check()?;
        share("tokens.cachedShare", self.tokens.cached_share)?;
        share("tokens.cacheWriteShare", self.tokens.cache_write_share)?;
        wait("perOutputTokenMs", self.per_output_token_ms)?;
        if !(1..=100).contains(&self.batch.price_percent) {
            return Err(Error::Percent);
        }
        if self.limits.is_some_and(|limits| !(1..=MAX_WINDOW_MS).contains(&limits.window_ms)) {
            return Err(Error::Window);
        }
        match self.latency {
            Latency::FixedMs(fixed) => wait("latency.fixedMs", fixed),
            Latency::UniformMs { min, max } => {
                wait("latency.uniformMs.min", min)?;
                wait("latency.uniformMs.max", max)?;
                if min <= max { Ok(()) } else { Err(Error::Order) }
            }
            Latency::LognormalMs { p50, p99 } => {
                wait("latency.lognormalMs.p50", p50)?;
                wait("latency.lognormalMs.p99", p99)?;
                if p50 > 0.0 && p50 <= p99 { Ok(()) } else { Err(Error::Order) }
            }
        }
    }
}

/// Whether a value is a share.
pub(super) fn share(name: &'static str, value: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(Error::Share(name)) }
}

fn wait(name: &'static str, value: f64) -> Result<(), Error> {
    if (0.0..=MAX_WAIT_MS).contains(&value) { Ok(()) } else { Err(Error::Wait(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense() {
        let check = |change: fn(&mut Behaviour), expected: Result<(), Error>| {
            let mut behaviour = Behaviour::default();
            change(&mut behaviour);
            assert_eq!(behaviour.check(), expected);
        };
        check(|_| {}, Ok(()));
        check(|b| b.faults.cut = 1.0, Ok(()));
        check(|b| b.faults.cut = 1.1, Err(Error::Share("faults.cut")));
        check(|b| b.faults.slow = f64::NAN, Err(Error::Share("faults.slow")));
        check(|b| (b.faults.cut, b.faults.slow) = (0.6, 0.6), Err(Error::TooManyFaults));
        check(|b| b.latency = Latency::FixedMs(-1.0), Err(Error::Wait("latency.fixedMs")));
        check(|b| b.latency = Latency::UniformMs { min: 2.0, max: 1.0 }, Err(Error::Order));
        check(|b| b.latency = Latency::LognormalMs { p50: 0.0, p99: 1.0 }, Err(Error::Order));
        check(|b| b.latency = Latency::LognormalMs { p50: 5.0, p99: 50.0 }, Ok(()));
        check(|b| b.tokens.cached_share = 2.0, Err(Error::Share("tokens.cachedShare")));
    }
}
