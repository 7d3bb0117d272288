//! How a route combines its models.

use super::RouteSpec;
use crate::plan::Combine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most models of an ensemble.
const MAX_MEMBERS: u32 = 8;
/// Longest delay of a hedge.
const MAX_DELAY_MS: u64 = 600_000;

/// How a route combines its models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategySpec {
    /// As is worth the most: fallback, or a cascade where the task's output is checked, or a hedge
    /// where time is short and the first model's tail is long.
    #[default]
    Auto,
    /// One model, and no other when it fails.
    Single,
    /// The next model when one fails.
    Fallback,
    /// A second model when the first has not answered in time; the first answer wins.
    Hedge,
    /// A cheap model, and a strong one when the cheap one's answer fails the task's checks.
    Cascade,
    /// Several models at once, and one answer out of theirs.
    Ensemble,
}

impl StrategySpec {
    /// Whether it is left to the router: then nothing is written, as before there were strategies.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// Settings of a hedge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HedgeSpec {
    /// When the second call starts, in milliseconds, up to 600000; when 95 of 100 answers of the
    /// first model are there, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

/// What is known of the checks that a cascade goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CascadeSpec {
    /// The share of wrong answers that the checks find, 0 to 1; 0.3 where absent, as was measured
    /// for checks of the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_rate: Option<f64>,
    /// The share of right answers that they refuse, 0 to 1; 0.02 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_flag_rate: Option<f64>,
}

/// Settings of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EnsembleSpec {
    /// How many models, 2 to 8. Fewer answer where not so many may, or the cost cap allows fewer.
    #[serde(default = "default_members")]
    pub models: u32,
    /// How their answers become one.
    #[serde(default)]
    pub combine: Combine,
    /// The model that chooses, for `judge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
}

impl Default for EnsembleSpec {
    fn default() -> Self {
        Self { models: default_members(), combine: Combine::Majority, judge: None }
    }
}

fn default_members() -> u32 {
    3
}

/// What is impossible about a route's strategy.
pub(super) fn strategy_faults(route: &RouteSpec) -> Vec<String> {
    use StrategySpec::{Auto, Cascade, Ensemble, Hedge};
    let (strategy, mut faults) = (route.strategy, Vec::new());
    for (field, is_unused) in [
        ("hedge", route.hedge.is_some() && !matches!(strategy, Auto | Hedge)),
        ("cascade", route.cascade.is_some() && !matches!(strategy, Auto | Cascade)),
        ("ensemble", route.ensemble.is_some() && strategy != Ensemble),
    ] {
        if is_unused {
            let remedy = format!("set strategy to {field}, or leave {field} out");
            faults.push(format!("{field} has no meaning with this strategy; {remedy}"));
        }
    }
    if matches!(strategy, Hedge | Cascade | Ensemble) && route.max_attempts < 2 {
        faults.push("strategy needs two attempts at least; set maxAttempts to 2 or more".into());
    }
    if let Some(delay_ms) = route.hedge.and_then(|hedge| hedge.delay_ms).filter(|delay_ms| *delay_ms > MAX_DELAY_MS) {
        faults.push(format!("hedge.delayMs is {delay_ms}; the limit is 0 to {MAX_DELAY_MS}"));
    }
    let rates = route.cascade.unwrap_or_default();
    for (field, rate) in [("catchRate", rates.catch_rate), ("falseFlagRate", rates.false_flag_rate)] {
        if let Some(rate) = rate.filter(|rate| !(0.0..=1.0).contains(rate)) {
            faults.push(format!("cascade.{field} is {rate}; the limit is 0 to 1"));
        }
    }
    faults.extend(route.ensemble.as_ref().map(ensemble_faults).unwrap_or_default());
    faults
}

fn ensemble_faults(ensemble: &EnsembleSpec) -> Vec<String> {
    let mut faults = Vec::new();
    if !(2..=MAX_MEMBERS).contains(&ensemble.models) {
        faults.push(format!("ensemble.models is {}; the limit is 2 to {MAX_MEMBERS}", ensemble.models));
    }
    match (ensemble.combine, &ensemble.judge) {
        (Combine::Judge, None) => faults.push("ensemble.judge is missing; name the model that chooses".into()),
        (Combine::Majority, Some(_)) => {
            let remedy = "set combine to judge, or leave it out";
            faults.push(format!("ensemble.judge has no meaning with combine: majority; {remedy}"));
        }
        _ => {}
    }
    faults
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(json: &str) -> Option<String> {
        serde_json::from_str::<RouteSpec>(json).unwrap().faults().into_iter().next()
    }

    fn check(json: &str, wanted: &str) {
        let fault = fault(json).unwrap_or_default();
        assert!(fault.contains(wanted) && fault.is_empty() == wanted.is_empty(), "{json}: {fault:?}");
    }

    #[test]
    fn what_is_impossible_is_named() {
        check("{}", "");
        check(r#"{"strategy": "hedge"}"#, "");
        check(r#"{"strategy": "hedge", "hedge": {"delayMs": 300}}"#, "");
        check(r#"{"strategy": "hedge", "hedge": {"delayMs": 700000}}"#, "hedge.delayMs is 700000");
        check(r#"{"strategy": "single", "hedge": {}}"#, "set strategy to hedge");
        check(r#"{"strategy": "cascade", "maxAttempts": 1}"#, "maxAttempts to 2");
        check(r#"{"cascade": {"catchRate": 1.5}}"#, "cascade.catchRate");
        check(r#"{"strategy": "ensemble"}"#, "");
        check(r#"{"strategy": "ensemble", "ensemble": {"models": 1}}"#, "ensemble.models is 1");
        check(r#"{"strategy": "ensemble", "ensemble": {"combine": "judge"}}"#, "ensemble.judge is missing");
        check(r#"{"strategy": "ensemble", "ensemble": {"judge": "a/b"}}"#, "no meaning with combine: majority");
        check(r#"{"strategy": "ensemble", "ensemble": {"combine": "judge", "judge": "a/b"}}"#, "");
        check(r#"{"ensemble": {}}"#, "set strategy to ensemble");
    }
}
