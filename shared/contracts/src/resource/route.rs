//! Routes: named routing policies.

use super::{
    combine::{CascadeSpec, EnsembleSpec, HedgeSpec, StrategySpec, strategy_faults},
    faults::not_negative,
    judge::JudgeSpec,
};
use crate::{PicoUsd, task::CacheMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named routing policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RouteSpec {
    /// Models to choose from; all when empty.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// What to aim for.
    #[serde(default)]
    pub objective: Objective,
    /// What a right answer is worth; overrides the objective's own value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_usd: Option<PicoUsd>,
    /// Expected quality a model must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quality: Option<f64>,
    /// The order to fall back in; by utility when empty.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// Most attempts, 1 to 8.
    #[serde(default = "default_max_attempts")]
    pub max_attempts: u32,
    /// Parts of the traffic that go to models of their own, for a canary or a comparison. A session
    /// (`metadata.session`, or OpenAI's `prompt_cache_key`) stays in its part. The other candidates
    /// are fallen back to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<SplitSpec>,
    /// Whether tasks may be answered by what another task of the team was answered; never when
    /// absent, unless the task itself asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheSpec>,
    /// How its models are combined; by what is worth the most when `auto`.
    #[serde(default, skip_serializing_if = "StrategySpec::is_auto")]
    pub strategy: StrategySpec,
    /// Settings of the strategy `hedge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<HedgeSpec>,
    /// What is known of the checks that a cascade goes by; also for `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<CascadeSpec>,
    /// Settings of the strategy `ensemble`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<EnsembleSpec>,
    /// Models that do copies of some tasks, unseen by the caller, so that they can be compared; none
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSpec>,
    /// A model that judges a sample of the answers, unseen by the caller, to learn from; none when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeSpec>,
}

/// Copies of tasks for models that are compared. They are tasks of the team in the batch lane, go
/// through governance and cost the team's budgets. No copy is made of data that is confidential or
/// in which something sensitive was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShadowSpec {
    /// The models, by name.
    pub models: Vec<String>,
    /// The share of the tasks that each of them does too, above 0 and at most 1.
    #[serde(default = "default_shadow_share")]
    pub share: f64,
    /// What the route's copies may be expected to cost on a day (UTC), all together.
    pub max_cost_usd_per_day: PicoUsd,
    /// A model of the list is no candidate of the route until it has answered so many copies, 1 to
    /// 1000, unless no other model is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nursery: Option<u32>,
}

/// Most copies that a nursery can ask for.
pub const MOST_NURSERY: u32 = 1_000;
/// Most models that do copies.
const MAX_SHADOWS: usize = 8;

fn default_shadow_share() -> f64 {
    0.05
}

fn shadow_faults(shadow: &ShadowSpec) -> Vec<String> {
    let mut faults = Vec::new();
    if shadow.models.is_empty() || shadow.models.len() > MAX_SHADOWS {
        faults.push(format!("shadow.models has {} models; the limit is 1 to {MAX_SHADOWS}", shadow.models.len()));
    }
    if let Some(pattern) = shadow.models.iter().find(|model| model.ends_with('*')) {
        faults.push(format!("shadow.models has {pattern:?}; name each model, because each costs"));
    }
    if !(shadow.share > 0.0 && shadow.share <= 1.0) {
        faults.push(format!("shadow.share is {}; the limit is above 0 and at most 1", shadow.share));
    }
    not_negative("shadow.maxCostUsdPerDay", Some(shadow.max_cost_usd_per_day), &mut faults);
    if let Some(count) = shadow.nursery.filter(|count| !(1..=MOST_NURSERY).contains(count)) {
        faults.push(format!("shadow.nursery is {count}; the limit is 1 to {MOST_NURSERY}"));
    }
    faults
}

/// A part of a route's traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SplitSpec {
    /// Its name, in explanations.
    pub name: String,
    /// Its share: its weight of the sum of all weights, 0 to 10000.
    pub weight: u32,
    /// The models to choose from; names or prefixes ending in `*`.
    pub models: Vec<String>,
}

/// Most parts of a route's traffic.
const MAX_PARTS: usize = 16;

fn split_faults(split: &[SplitSpec]) -> Vec<String> {
    let mut faults = Vec::new();
    if split.is_empty() {
        return faults;
    }
    if split.len() > MAX_PARTS {
        faults.push(format!("split has {} parts; the limit is {MAX_PARTS}", split.len()));
    }
    if split.iter().all(|part| part.weight == 0) {
        faults.push("split has no part with a weight above 0; give one of them more".into());
    }
    for (index, part) in split.iter().enumerate() {
        if part.weight > 10_000 {
            faults.push(format!("split[{index}].weight is {}; the limit is 0 to 10000", part.weight));
        }
        if part.models.is_empty() {
            faults.push(format!("split[{index}].models is empty; name one model at least"));
        }
        if split.iter().take(index).any(|other| other.name == part.name) {
            faults.push(format!("split[{index}].name is {:?}, which another part has; names are unique", part.name));
        }
    }
    faults
}

/// Whether answers serve again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CacheSpec {
    /// To which requests.
    pub mode: CacheMode,
    /// How old an answer may be, in seconds, 1 to 86400.
    #[serde(default = "default_cache_ttl_seconds")]
    pub ttl_seconds: u64,
}

fn default_cache_ttl_seconds() -> u64 {
    3_600
}

fn default_max_attempts() -> u32 {
    3
}

/// What a route aims for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Quality, cost and latency in one currency.
    #[default]
    Balanced,
    /// Low cost.
    Cheap,
    /// Low latency.
    Fast,
    /// High quality.
    Best,
}

impl RouteSpec {
    /// Everything wrong with the values, each beginning with the path of its field.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=8).contains(&self.max_attempts) {
            faults.push(format!("maxAttempts is {}; the limit is 1 to 8", self.max_attempts));
        }
        faults.extend(split_faults(&self.split));
        faults.extend(self.shadow.as_ref().map(shadow_faults).unwrap_or_default());
        faults.extend(self.judge.as_ref().map(JudgeSpec::faults).unwrap_or_default());
        if !self.split.is_empty() && self.candidates.is_empty() && self.fallback.is_empty() {
            faults.push("split has nothing to fall back to; list all its models in candidates".into());
        }
        if let Some(ttl) = self.cache.map(|cache| cache.ttl_seconds).filter(|ttl| !(1..=86_400).contains(ttl)) {
            let text = "the limit is 1 to 86400, for results are kept for a day";
            faults.push(format!("cache.ttlSeconds is {ttl}; {text}"));
        }
        if let Some(quality) = self.min_quality.filter(|quality| !(0.0..=1.0).contains(quality)) {
            faults.push(format!("minQuality is {quality}; the limit is 0 to 1"));
        }
        faults.extend(strategy_faults(self));
        faults
    }
}
