//! What else is known at the moment of a decision, besides the models: taken together, so that a new
//! circumstance is a field here and not another parameter of every decision.

use super::{
    checks::CheckCounts,
    keep::Held,
    route::{Policy, Weights},
    words::Words,
};
use neptune_contracts::plan::Money;
use std::collections::HashMap;

/// The circumstances of one decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlook<'a> {
    /// Redis lost its statistics and they are rebuilt: what was last read serves, or the priors.
    pub rebuilding: bool,
    /// The task is paid for out of a budget that is kept in step with its period.
    pub tempo: Option<Tempo<'a>>,
    /// The model that the last task of the same session went to.
    pub held: Option<Held<'a>>,
    /// What words say about models.
    pub words: Option<&'a Words>,
    /// When this replica last gave a recovering model a task to try it, in milliseconds since 1970.
    pub trials: Option<&'a HashMap<String, i64>>,
    /// What became of checked answers.
    pub checks: Option<&'a CheckCounts>,
}

/// What a budget makes of the price of quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempo<'a> {
    /// Money is worth so many times what the route says.
    pub factor: f64,
    /// Which budget, and how it stands, in words.
    pub from: &'a str,
}

/// The policy with the value of a right answer by the budget.
#[must_use]
pub fn paced<'p>(policy: Policy<'p>, outlook: &Outlook<'_>) -> Policy<'p> {
    let factor = outlook.tempo.map_or(1.0, |tempo| tempo.factor);
    Policy { weights: Weights { value_usd: policy.weights.value_usd / factor, ..policy.weights }, ..policy }
}

/// What is kept of it.
#[must_use]
pub fn money(policy: &Policy<'_>, outlook: &Outlook<'_>) -> Money {
    let from = outlook.tempo.map_or_else(|| format!("route {}", policy.name), |tempo| tempo.from.to_owned());
    // A right answer that is worth nothing has no price.
    let lambda = if policy.weights.value_usd > 0.0 { 1.0 / policy.weights.value_usd } else { 0.0 };
    Money { lambda: (lambda * 1e6).round() / 1e6, lambda_from: from, usd_per_second: policy.weights.usd_per_second }
}
