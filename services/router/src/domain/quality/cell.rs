//! One model's evidence in one context, which fades.
//!
//! The same rules run in Redis, for all replicas (`statistics/learn.lua`); a test holds the two
//! against each other.

use super::alarm::{Alarm, MASS_AFTER_ALARM};
use serde::{Deserialize, Serialize};

/// Evidence fades with this time constant: a week.
pub const FADES_MS: f64 = 604_800_000.0;
/// And with each new observation, so that about so many are kept.
pub const OBSERVATIONS_KEPT: f64 = 120.0;
/// So much of the prior knowledge is doubted when feedback has refuted it.
pub const DOUBT_AFTER_ALARM: f64 = 0.9;

/// Evidence about one model in one context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cell {
    /// Faded weight of good answers.
    pub good: f64,
    /// Faded weight of bad answers.
    pub bad: f64,
    /// The moment the weights stand for, in milliseconds since 1970.
    pub at_ms: i64,
    /// How much was faded by observations and alarms so far, as a logarithm: evidence counted when
    /// it stood at `x` has `exp(x - faded)` of its weight left, times what time took.
    pub faded: f64,
    /// How much of what was known before is doubted since an alarm, 0 to 1; fades with time.
    pub doubt: f64,
    /// Looks out for a change.
    #[serde(flatten)]
    pub alarm: Alarm,
}

/// Where in a cell's history a signal was counted, so that a stronger one can take its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The cell's `faded` right after.
    pub faded: f64,
}

impl Cell {
    /// The cell as it stands at `now_ms`; unchanged when that is past.
    #[must_use]
    pub fn faded_to(mut self, now_ms: i64) -> Self {
        let kept = kept(self.at_ms, now_ms);
        if now_ms > self.at_ms {
            self.good *= kept;
            self.bad *= kept;
            self.doubt *= kept;
            self.at_ms = now_ms;
        }
        self
    }

    /// Counts a new observation: `reward` of 0 to 1 where `expected` was believed, with `weight`.
    /// Returns its mark, and whether the model is no longer what it was.
    pub fn count(&mut self, (reward, weight): (f64, f64), expected: f64, at_ms: i64) -> (Mark, bool) {
        *self = self.faded_to(at_ms);
        self.fade(1.0 / OBSERVATIONS_KEPT);
        self.add(reward, weight * kept(at_ms, self.at_ms));
        let mark = Mark { faded: self.faded };
        let has_changed = self.alarm.notice(reward - expected, weight);
        if has_changed {
            let mass = self.good + self.bad;
            self.fade((mass / MASS_AFTER_ALARM).max(1.0).ln());
            self.doubt = DOUBT_AFTER_ALARM;
        }
        (mark, has_changed)
    }

    /// Puts `new` in the place of `old`, reward and weight each, counted with `mark` at `at_ms`.
    pub fn replace(&mut self, mark: Mark, old: (f64, f64), new: (f64, f64), at_ms: i64) {
        let left = (mark.faded - self.faded).exp() * kept(at_ms, self.at_ms);
        self.add(old.0, -old.1 * left);
        self.add(new.0, new.1 * left);
        (self.good, self.bad) = (self.good.max(0.0), self.bad.max(0.0));
    }

    fn add(&mut self, reward: f64, weight: f64) {
        self.good += weight * reward;
        self.bad += weight * (1.0 - reward);
    }

    fn fade(&mut self, by: f64) {
        let kept = (-by).exp();
        (self.good, self.bad, self.faded) = (self.good * kept, self.bad * kept, self.faded + by);
    }
}

/// What time leaves of evidence of `then_ms` at `now_ms`; all of it when that is not later.
fn kept(then_ms: i64, now_ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a time span in milliseconds fits")]
    let elapsed_ms = now_ms.saturating_sub(then_ms).max(0) as f64;
    (-elapsed_ms / FADES_MS).exp()
}
