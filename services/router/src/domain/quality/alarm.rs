//! Notices that a model is no longer what it was: a two-sided CUSUM (Page, 1954) over rewards less
//! what was expected of them.

use serde::{Deserialize, Serialize};

/// Deviations below this are chance. The test is quickest for changes of twice as much.
pub const ALARM_SLACK: f64 = 0.125;
/// So much deviation in one direction, beyond the slack, raises the alarm. With right-or-wrong
/// rewards around 0.7 that is once in some thousand observations of a model that did not change,
/// and some twelve observations after one lost half of its quality.
pub const ALARM_AT: f64 = 4.5;
/// A cell keeps so many observations after an alarm: the newest ones.
pub const MASS_AFTER_ALARM: f64 = 20.0;

/// Sums of deviations, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alarm {
    /// Better than expected.
    pub rising: f64,
    /// Worse than expected.
    pub falling: f64,
}

impl Alarm {
    /// Takes in a deviation with its weight. True raises the alarm and starts anew.
    pub fn notice(&mut self, deviation: f64, weight: f64) -> bool {
        self.rising = (self.rising + weight * (deviation - ALARM_SLACK)).max(0.0);
        self.falling = (self.falling + weight * (-deviation - ALARM_SLACK)).max(0.0);
        let is_raised = self.rising > ALARM_AT || self.falling > ALARM_AT;
        if is_raised {
            *self = Self::default();
        }
        is_raised
    }
}
