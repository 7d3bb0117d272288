//! What models' providers said was left of their rate limits, and what that means for a task.

use super::estimate::{Estimate, Work};
use neptune_contracts::{
    Timestamp,
    attempt::Attempt,
    limits::{RateLimits, RateWindow},
};
use serde::{Deserialize, Serialize};

/// Below this share of a limit a model counts as loaded, the more the less is left.
const NEARLY_SPENT: f64 = 0.1;

/// What a provider said, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// When the call ended that it was said to, in microseconds since 1970.
    pub at_us: i64,
    /// What it said.
    pub limits: RateLimits,
}

/// What a provider said about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The model.
    pub model: String,
    /// What it said.
    pub headroom: Headroom,
}

/// Why a model has no room for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// The reason in words, with the time.
    pub reason: String,
}

/// What `attempt` tells about its model's limits.
#[must_use]
pub fn heard(attempt: &Attempt) -> Option<Heard> {
    let limits = **attempt.limits.as_ref()?;
    let latency_us = i64::try_from(attempt.latency_us).unwrap_or(0);
    let at_us = attempt.started_at.unix_micros().saturating_add(latency_us);
    Some(Heard { model: attempt.model.clone(), headroom: Headroom { at_us, limits } })
}

impl Headroom {
    /// The newer of two accounts of the same model.
    #[must_use]
    pub fn newest(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        match (left, right) {
            (Some(left), Some(right)) => Some(if right.at_us > left.at_us { right } else { left }),
            (left, right) => left.or(right),
        }
    }

    /// Whether anything of it still holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.limits.forgotten_at().is_some_and(|at| at > now)
    }

    /// How near the model is to its limits, from 0, which is not near, to 1.
    ///
    /// # Errors
    /// `work` does not fit in what is left of one of them; of several the one that lasts longest.
    pub fn load(&self, work: &Work, estimate: &Estimate, now: Timestamp) -> Result<f64, Shortage> {
        let output = estimate.output_tokens.saturating_mul(work.choices);
        let needs = [
            (self.limits.requests, 1, "requests"),
            (self.limits.tokens, work.input_tokens.saturating_add(output), "tokens"),
            (self.limits.input_tokens, work.input_tokens, "input tokens"),
            (self.limits.output_tokens, output, "output tokens"),
        ];
        let live = needs.into_iter().filter_map(|(window, needed, what)| Some((window?, needed, what)));
        let live: Vec<(RateWindow, u64, &str)> = live.filter(|(window, ..)| window.resets_at > now).collect();
        let short = live.iter().filter(|(window, needed, _)| window.remaining < *needed);
        if let Some((window, needed, what)) = short.max_by_key(|(window, ..)| window.resets_at) {
            return Err(shortage(window, *needed, what, now));
        }
        Ok(live.iter().map(|(window, ..)| nearness(window)).fold(0.0, f64::max))
    }
}

fn shortage(window: &RateWindow, needed: u64, what: &str, now: Timestamp) -> Shortage {
    let until = window.resets_at;
    let of = window.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
    let need = if window.remaining == 0 { String::new() } else { format!(", {needed} are needed") };
    let reason = format!("its provider has {}{of} {what} left until {until}{need}", window.remaining);
    Shortage { for_ms: until.micros_since(now).div_ceil(1_000), reason }
}

/// How much of the last tenth of a limit is spent; nothing is known of a limit that was not told.
fn nearness(window: &RateWindow) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 15 digits")]
    let share = window.limit.map_or(1.0, |limit| window.remaining as f64 / limit.max(1) as f64);
    (1.0 - share / NEARLY_SPENT).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
