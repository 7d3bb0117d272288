//! The router's answer: which models, in which order, how to combine them, and why.

use crate::{
    Message, PicoUsd, Timestamp,
    admission::{Admission, Task},
    attempt::Attempt,
    names::{Service, TaskType, Zone},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task with its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRouted {
    /// The task.
    pub task: Task,
    /// Its bounds.
    pub admission: Admission,
    /// What to try, in order. Never empty; the first attempt's zone is the subject's.
    pub plan: Plan,
    /// Attempts another zone's executor already made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts_made: Vec<Attempt>,
}

/// What to try, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// When it was made.
    pub routed_at: Timestamp,
    /// How the attempts combine.
    pub strategy: Strategy,
    /// The attempts in order of preference.
    pub attempts: Vec<PlannedAttempt>,
    /// Who chooses between the answers of an ensemble that is combined by `judge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<PlannedAttempt>,
    /// Why this plan.
    pub explanation: Explanation,
}

/// How the attempts of a plan combine. An answer that fails the task's checks counts as none: where
/// nothing else is said, its model is asked once more with what is wrong, then the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Strategy {
    /// The first attempt is the only one.
    Single,
    /// The next attempt is made when the one before failed.
    Fallback,
    /// The second attempt starts when the first has not answered after the delay. The first answer
    /// wins and the other call is called off; the others are fallen back on.
    Hedge {
        /// The delay.
        delay_ms: u64,
    },
    /// The first model is cheap: the next attempt is made as soon as its answer fails validation.
    Cascade,
    /// All attempts are made at once and their answers combined. All of them run in one zone.
    Ensemble {
        /// How.
        #[serde(default)]
        combine: Combine,
    },
}

impl Strategy {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Fallback => "fallback",
            Self::Hedge { .. } => "hedge",
            Self::Cascade => "cascade",
            Self::Ensemble { .. } => "ensemble",
        }
    }
}

/// How the answers of an ensemble become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The answer that most gave, white space and case aside; between equals, that of the model that
    /// is expected to be best.
    #[default]
    Majority,
    /// The answer that the plan's judge chooses; without its word, that of the majority.
    Judge,
}

/// One attempt of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedAttempt {
    /// The model to call.
    pub model: String,
    /// Where it runs.
    pub zone: Zone,
    /// The attempt is given up after this time.
    pub timeout_ms: u64,
    /// What it is expected to cost.
    pub expected_cost_usd: PicoUsd,
    /// How long it is expected to take.
    pub expected_latency_ms: u64,
}

/// Why a plan is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The route that was followed.
    pub route: String,
    /// The part of the route's traffic that the task belongs to, where it is split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The kind of work.
    pub task_type: TaskType,
    /// `declared`, `predicted` or `default`.
    pub task_type_by: String,
    /// How sure the recognition is, 0 to 1.
    pub task_type_confidence: f64,
    /// Version of the resources that were in force.
    pub config_revision: u64,
    /// Age of the statistics that were used; absent when only priors were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics_age_ms: Option<u64>,
    /// What a right answer was taken to be worth.
    pub value_usd: PicoUsd,
    /// What money and time were worth to each other, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Models that were removed, and why.
    pub removed: Vec<Removed>,
    /// Models that were weighed, best first.
    pub candidates: Vec<Candidate>,
    /// Constraints that were given up because nothing was left: `quality`, `latency`, `cost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relaxed: Vec<String>,
    /// The reason in one sentence.
    pub because: String,
    /// How the models are combined, and why so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyChoice>,
    /// How long the decision took, in microseconds.
    pub decided_in_us: u64,
    /// How likely the policy was to choose what it chose, 0 to 1, given what it knew and the part of
    /// the route: 1 where no draw decided. Absent where only models to fall back on were left, and in
    /// records made before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
    /// Models that do a copy of the task, unseen by the caller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<String>,
    /// The model that the task was drawn for to judge its answer, unseen by the caller. A task that
    /// does not complete is not judged, nor one that nothing is left for on that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<String>,
    /// What was learnt about quality, and what would have changed the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
}

/// How the models of a plan are combined, and why so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyChoice {
    /// `single`, `fallback`, `hedge`, `cascade` or `ensemble`.
    pub kind: String,
    /// The reason in one sentence.
    pub because: String,
}

/// What money and time were worth to each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// How many right answers a US dollar was worth: one by the value of a right answer.
    pub lambda: f64,
    /// Where that comes from: the route, or the budget that is kept in step with its period.
    pub lambda_from: String,
    /// What a second of waiting cost, in US dollars.
    pub usd_per_second: f64,
}

/// What was learnt about quality, and what would have changed the choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Learning {
    /// Version of the policy. With the task's id it fixes the draws, so that the decision can be made again.
    pub policy: String,
    /// The lot of the task's session, in hexadecimal, when it decides the draws instead of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_lot: Option<String>,
    /// The contexts that feedback about this task counts in, coarse first.
    pub levels: Vec<EvidenceLevel>,
    /// What was believed about each candidate's quality, in the order of the candidates.
    pub beliefs: Vec<Belief>,
    /// A model was tried although another was expected to be better.
    #[serde(default)]
    pub explored: bool,
    /// The statistics had been lost and were being rebuilt from the facts: what was known before served,
    /// or only priors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rebuilding: bool,
    /// Why nothing was tried: `sensitive`, `critical`, `spent`, `no_feedback` or `session`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refrained: Option<String>,
    /// The least expected quality of a model that may be tried, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quality: Option<f64>,
    /// The task stayed with the model of its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// By how much the first candidate was expected to be better than the second, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_usd: Option<f64>,
    /// What would have made another candidate the first, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub would_change: Vec<String>,
}

/// A session's model that was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// The model.
    pub model: String,
    /// How long ago it got the session's last task, in milliseconds.
    pub ago_ms: u64,
    /// By how much another one was expected to be better, in US dollars; 0 when none was.
    pub behind_usd: f64,
    /// What a change would have cost: the prompt read anew, and another voice. In US dollars.
    pub change_usd: f64,
}

/// A context and how much feedback it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceLevel {
    /// Its key: `*`, `type:…`, `band:…` or `step:…`.
    pub key: String,
    /// Observations of the chosen model, faded.
    pub observations: f64,
}

/// What is believed about a model's quality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Belief {
    /// The model.
    pub model: String,
    /// One standard deviation below the expectation, 0 to 1.
    pub quality_low: f64,
    /// One standard deviation above it.
    pub quality_high: f64,
    /// The quality that was drawn.
    pub draw: f64,
    /// The observations that the belief is worth; absent in records made before it was kept. With the
    /// expectation, the policy and the task's id it gives the draw again, to the last bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass: Option<f64>,
    /// By how much the words of the task moved the expectation, where they have proved to foretell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<f64>,
    /// The model was there only to fall back on, so that no draw could make it the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback_only: bool,
}

/// A model that was removed before weighing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// The model.
    pub model: String,
    /// `governance`, `capability`, `circuit`, `rate`, `latency`, `cost`, `quality`, `route`, `constraint`
    /// or `nursery`.
    pub by: String,
    /// The reason in words.
    pub reason: String,
}

/// A model that was weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The model.
    pub model: String,
    /// Expected quality for this task type, 0 to 1.
    pub quality: f64,
    /// Probability that a call succeeds, 0 to 1.
    pub success: f64,
    /// Expected cost.
    pub cost_usd: PicoUsd,
    /// Expected latency.
    pub latency_ms: u64,
    /// The utility in dollars by which candidates are ordered.
    pub utility_usd: f64,
}

impl Message for TaskRouted {
    const SUBJECT: &'static str = "task.routed.v1.<zone>.<lane>";
    const STREAM: StreamName = StreamName::Stage;
    const PRODUCERS: &'static [Service] = &[Service::Router, Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        let zone = self.plan.attempts.first().map_or(Zone::External, |attempt| attempt.zone);
        vec![zone.to_string(), self.task.constraints.lane.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}", self.task.id, self.attempts_made.len())
    }

    fn task(&self) -> Option<&Task> {
        Some(&self.task)
    }
}
