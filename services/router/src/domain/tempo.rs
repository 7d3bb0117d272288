//! Keeping a budget in step with its period: the price of quality rises while spending runs ahead and
//! falls while it lags. The controller of [`super::pace`], by time instead of by tasks, because nobody
//! knows how many tasks a month will have.
//!
//! Its persistent part is an integral over time, so replicas that see different tasks of one budget come
//! to the same value.

use neptune_contracts::admission::BudgetPace;
use serde::{Deserialize, Serialize};

/// How strongly the price reacts to the present lead, and to leads that persist.
const PROPORTIONAL: f64 = 8.0;
const INTEGRAL: f64 = 5.0;
/// What a whole period of a lead of one adds to the persistent lead.
const INTEGRAL_PER_PERIOD: f64 = 50.0;
/// The price moves at most by this power of e, in both directions.
const MOST_MOVED: f64 = 8.0;
/// The persistent lead holds at most so much: beyond it only delays the way back.
const MOST_HELD: f64 = MOST_MOVED / INTEGRAL;
/// Leads are measured against a period that began so much earlier, so that its first tasks do not
/// swing it: half a day of a month.
const HEAD_START: f64 = 0.015;
/// So much of the limit is aimed at. Work comes by day, so on the evening of a month's last day spending
/// is ahead by most of a day's share; without room for that the last tasks are refused.
pub const AIM: f64 = 0.96;

/// Less than this share of a period or a budget is not told from nothing.
const LEAST_LEFT: f64 = 0.01;

/// One budget in one of its periods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// The share of the period that was over when it last looked.
    pub elapsed_share: f64,
    /// Spending ahead of the period at that moment, as a share of the period so far.
    lead: f64,
    /// The lead that persists.
    integral: f64,
    /// How the budget stood when it began to look, if it lagged. One that was made in the middle of its period,
    /// or whose controller was lost, is not behind: what is left of it is spread over what is left of the period.
    #[serde(default)]
    began: Stand,
}

/// How a budget stood at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stand {
    elapsed_share: f64,
    spent_share: f64,
}

impl Controller {
    /// One that begins to look now.
    #[must_use]
    pub fn new(pace: &BudgetPace) -> Self {
        let lags = pace.spent_share < AIM * pace.elapsed_share;
        let stand = Stand { elapsed_share: pace.elapsed_share, spent_share: pace.spent_share };
        let began = if lags { stand } else { Stand::default() };
        Self { elapsed_share: pace.elapsed_share, lead: lead(pace, began), integral: 0.0, began }
    }

    /// Takes in how the budget stands. What comes late changes nothing but the present lead.
    #[must_use]
    pub fn seen(self, pace: &BudgetPace) -> Self {
        let passed = (pace.elapsed_share - self.elapsed_share).max(0.0) / left(self.began.elapsed_share);
        let integral = (self.integral + INTEGRAL_PER_PERIOD * self.lead * passed).clamp(-MOST_HELD, MOST_HELD);
        let elapsed_share = self.elapsed_share.max(pace.elapsed_share);
        Self { elapsed_share, lead: lead(pace, self.began), integral, ..self }
    }

    /// Money is worth so many times what it would be without the budget.
    #[must_use]
    pub fn factor(&self) -> f64 {
        (PROPORTIONAL * self.lead + INTEGRAL * self.integral).clamp(-MOST_MOVED, MOST_MOVED).exp()
    }
}

/// Spending ahead of what is left of the period since `began`.
fn lead(pace: &BudgetPace, began: Stand) -> f64 {
    let elapsed = (pace.elapsed_share - began.elapsed_share).max(0.0) / left(began.elapsed_share);
    let spent = (pace.spent_share - began.spent_share) / (AIM - began.spent_share).max(LEAST_LEFT);
    let so_far = elapsed + HEAD_START;
    spent / so_far - elapsed / so_far
}

/// The share of a period, or of a budget, that was left at a moment.
fn left(share: f64) -> f64 {
    (1.0 - share).max(LEAST_LEFT)
}

/// How the budget stands, in words.
#[must_use]
pub fn words(pace: &BudgetPace) -> String {
    let (spent, over) = (100.0 * pace.spent_share, 100.0 * pace.elapsed_share);
    format!("budget {}: {spent:.1} % spent when {over:.1} % of its period is over", pace.budget)
}

#[cfg(test)]
mod tests;
