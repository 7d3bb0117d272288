//! How routing went: for the weekly review.

use super::Query;
use crate::{
    PicoUsd, Timestamp,
    names::{Service, TaskType, Team},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How routing went over a span of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingQuery {
    /// Only this team's tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// Tasks that ended from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Tasks that ended before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How routing went. Tasks that governance refused never reached the router and are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingReport {
    /// Tasks that reached the router.
    pub tasks: u64,
    /// What they cost.
    pub cost_usd: PicoUsd,
    /// Exact figures, one row a step or kind of work and model, the most used first.
    pub rows: Vec<RoutingRow>,
    /// The decisions from which everything below but the fallbacks is computed.
    pub decisions: Considered,
    /// What was, and what other policies would have done.
    pub policies: Vec<PolicyOutcome>,
    /// What trying models out of turn cost.
    pub exploration: Exploration,
    /// Why models were removed before weighing, the most frequent first.
    pub removed: Vec<RemovedBy>,
    /// Why calls failed and others were made in their place, the most frequent first, 20 at most.
    pub fallbacks: Vec<FallbackReason>,
    /// What models did unseen, beside what was served, the most used first.
    #[serde(default)]
    pub shadows: Vec<ShadowRow>,
    /// When the newest task of the ledger was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// What one model did in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingRow {
    /// The workflow, where the tasks were steps of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The step of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// The model that answered; absent for tasks that none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tasks.
    pub tasks: u64,
    /// Their share of the tasks in the same place, 0 to 1.
    pub share: f64,
    /// What they cost, with the calls that failed.
    pub cost_usd: PicoUsd,
    /// Tasks that ended without an answer.
    pub failed: u64,
    /// Tasks that needed more than one call.
    pub fell_back: u64,
    /// Tasks that an answer served for again.
    pub served_from_cache: u64,
    /// What these answers had cost.
    pub saved_usd: PicoUsd,
    /// Tasks whose answer was judged.
    pub judged: u64,
    /// Their mean score, 0 to 1; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
}

/// How many decisions were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Considered {
    /// Decisions that were looked at: all, or an even sample of them by task id.
    pub considered: u64,
    /// Decisions there are: tasks for which a model was called.
    pub of: u64,
}

/// What a policy did, or would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyOutcome {
    /// Which.
    pub policy: PolicyName,
    /// The model of a policy that has one, or the version of the previous policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The tasks it is about.
    pub tasks: u64,
    /// Of these, tasks for which the policy had no model of its own, counted as they were.
    pub unavailable: u64,
    /// What they cost, or would have cost, in all.
    pub cost_usd: PicoUsd,
    /// What the same tasks cost in fact.
    pub actual_cost_usd: PicoUsd,
    /// How the cost is known.
    pub cost_by: Method,
    /// Mean quality, once by each method that has an observation.
    pub quality: Vec<QualityEstimate>,
}

/// The policies that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    /// What was decided in fact.
    AsDecided,
    /// The candidate of the highest expected quality, every time.
    AlwaysStrongest,
    /// The one model that, taken every time, would have been worth the most.
    BestSingle,
    /// The policy in force before the newest one.
    Previous,
}

/// How a number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Counted.
    Observed,
    /// The recorded expected cost of the model, times what the task cost over what it was expected to.
    ExpectedCost,
    /// The mean of the tasks decided by the other policy, weighted by kind of work as in the others.
    ObservedByKind,
    /// What was believed about the model when the decision was made.
    Believed,
    /// Judged tasks whose choice was the policy's, each weighted by how unlikely that choice was
    /// (self-normalised inverse propensity).
    InversePropensity,
}

/// A mean quality and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityEstimate {
    /// 0 to 1.
    pub mean: f64,
    /// How it is known.
    pub by: Method,
    /// Of so many tasks.
    pub observations: u64,
    /// As many equally weighted observations would be as sure; of weighted ones only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<f64>,
}

/// What trying models out of turn cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exploration {
    /// Tasks for which a model was tried although another was expected to be better.
    pub tasks: u64,
    /// What they cost.
    pub cost_usd: PicoUsd,
    /// By how much the other was expected to be worth more, in all, in US dollars.
    pub forgone_usd: f64,
}

/// Why models were removed before weighing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedBy {
    /// By what, for example `governance` or `circuit`.
    pub by: String,
    /// Models, each counted once a decision.
    pub models: u64,
    /// Decisions with such a model.
    pub tasks: u64,
}

/// Why calls to a model failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FallbackReason {
    /// The model.
    pub model: String,
    /// The kind of failure, for example `timeout`.
    pub class: String,
    /// Calls.
    pub calls: u64,
}

/// What copies of tasks were like for one model and kind of work, beside the tasks themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowRow {
    /// The model that did the copies.
    pub model: String,
    /// The kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// Copies that ended, but for those that governance refused.
    pub copies: u64,
    /// Of these, copies that were answered.
    pub answered: u64,
    /// Copies whose answer could not be used, by its form or its schema.
    pub invalid: u64,
    /// Copies that were answered as well as their tasks, so that both answers can be compared.
    pub compared: u64,
    /// Of these, copies with the same answer: the same JSON, or the same words.
    pub agreed: u64,
    /// What the compared copies cost.
    pub cost_usd: PicoUsd,
    /// What their tasks cost.
    pub served_cost_usd: PicoUsd,
    /// Mean latency of the compared copies' answers, in milliseconds; absent when none was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// The same of their tasks' answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_latency_ms: Option<f64>,
}

impl Query for RoutingQuery {
    const SUBJECT: &'static str = "query.metering.routing";
    const SERVICE: Service = Service::Metering;
    type Reply = RoutingReport;
}

impl PolicyName {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsDecided => "as_decided",
            Self::AlwaysStrongest => "always_strongest",
            Self::BestSingle => "best_single",
            Self::Previous => "previous",
        }
    }
}

impl Method {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::ExpectedCost => "expected_cost",
            Self::ObservedByKind => "observed_by_kind",
            Self::Believed => "believed",
            Self::InversePropensity => "inverse_propensity",
        }
    }
}
