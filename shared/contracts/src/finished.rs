//! The one terminal fact of every accepted task.

mod status;

use crate::{
    Message, PicoUsd, Timestamp,
    admission::{Admission, Task},
    attempt::Attempt,
    delivery::DeliverySpec,
    fingerprint::Fingerprint,
    ids::{AttemptId, TaskId},
    names::{Lane, Origin, Service, TaskType, Team},
    parked::Parking,
    plan::Explanation,
    problem::Problem,
    task::{CacheMode, StepRef},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A task has ended. Stored once per task; a second one is refused by the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskFinished {
    /// The task.
    pub id: TaskId,
    /// Who asked.
    pub team: Team,
    /// Where it came from.
    pub origin: Origin,
    /// How it ended.
    pub outcome: Outcome,
    /// The model's answer as an OpenAI chat completion, when the task completed. Of a task that failed
    /// with `output_invalid`, the last answer that was not as it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// Every call that was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The attempt whose answer the output is; the last one that serves when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<AttemptId>,
    /// How often and how long it waited because no model had room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parking>,
    /// Set when no model was called because an answer served again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheHit>,
    /// The sum of the attempts' costs.
    pub cost_usd: PicoUsd,
    /// The kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// How urgent it was.
    #[serde(default)]
    pub lane: Lane,
    /// The API key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The step of a run that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// What governance decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,
    /// Why the router chose as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Explanation>,
    /// Who gets the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliver: Vec<DeliverySpec>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the caller said, as sums, by which a repeat is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Box<Fingerprint>>,
    /// Fields of the request that were ignored, each with what to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// When each stage was reached.
    pub times: Times,
}

/// An answer that served again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheHit {
    /// The team's task whose answer it is.
    pub task: TaskId,
    /// `exact` for the same request, `near` for one that differs in nothing that matters.
    pub kind: CacheMode,
    /// How much of their words and pairs of words the two requests share, 0 to 1.
    pub likeness: f64,
    /// The model that answered.
    pub model: String,
    /// Whose model it is.
    pub provider: String,
    /// When it answered.
    pub answered_at: Timestamp,
    /// What that answer had cost.
    pub saved_usd: PicoUsd,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A model answered.
    Completed,
    /// Governance refused it.
    Rejected,
    /// No model was left to try.
    NoRoute,
    /// Every attempt failed.
    Failed,
    /// Its deadline passed.
    Expired,
    /// Whoever asked did not want the answer any more.
    Cancelled,
}

impl Outcome {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::NoRoute => "no_route",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a task has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskError {
    /// Stable name of the reason, for example `budget_exceeded`, `model_not_allowed`,
    /// `invalid_request`, `no_capacity`, `upstream_failed`.
    pub code: String,
    /// The reason in words, with what to do.
    pub message: String,
    /// The faults of the input, when it was refused for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// When another try may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// When each stage was reached; absent for stages that were not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// The accept was stored.
    pub submitted_at: Timestamp,
    /// Governance admitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// The router made the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed_at: Option<Timestamp>,
    /// The executor took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// This fact was made.
    pub finished_at: Timestamp,
    /// Time from submit to finish not spent waiting for models or for their limits, in microseconds.
    pub added_us: u64,
}

impl Message for TaskFinished {
    const SUBJECT: &'static str = "task.finished.v1.<team>.<origin>.<task>";
    const STREAM: StreamName = StreamName::Results;
    const PRODUCERS: &'static [Service] = &[Service::Executor, Service::Governance, Service::Router];
    const CONSUMERS: &'static [Service] = &[
        Service::Metering,
        Service::Router,
        Service::Governance,
        Service::Executor,
        Service::Notifier,
        Service::Client,
        Service::Ingress,
    ];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.origin.to_string(), self.id.to_string()]
    }

    fn dedup_key(&self) -> String {
        // Another team's task of the same id is another task.
        format!("{}.{}.finished", self.team, self.id)
    }
}

impl TaskFinished {
    /// The fact of a task that ended with `error` before any model was called, at `now`.
    #[must_use]
    pub fn without_attempts(task: &Task, outcome: Outcome, error: TaskError, now: Timestamp) -> Self {
        Self { error: Some(error), ..Self::without_calls(task, outcome, now) }
    }

    /// The fact of a task for which no model was called, or none since it was parked, at `now`.
    #[must_use]
    pub fn without_calls(task: &Task, outcome: Outcome, now: Timestamp) -> Self {
        Self {
            id: task.id,
            team: task.team.clone(),
            origin: task.origin,
            outcome,
            output: None,
            error: None,
            answered_by: None,
            attempts: task.attempts_before().to_vec(),
            parked: task.parking(),
            cache: None,
            cost_usd: task.spent_before(),
            task_type: task.task_type,
            lane: task.constraints.lane,
            key: task.key.clone(),
            step: task.step.clone(),
            admission: None,
            route: None,
            deliver: task.deliver.clone(),
            metadata: task.metadata.clone(),
            fingerprint: task.fingerprint.clone(),
            warnings: task.warnings.clone(),
            times: Times {
                submitted_at: task.submitted_at,
                admitted_at: None,
                routed_at: None,
                started_at: None,
                finished_at: now,
                added_us: task.micros_at_work(now),
            },
        }
    }

    /// The text of the first choice of the answer. An answer that is not as it must be is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.output
            .as_ref()
            .filter(|_| self.outcome == Outcome::Completed)?
            .pointer("/choices/0/message/content")?
            .as_str()
    }

    /// Whether the answer is a list of vectors.
    #[must_use]
    pub fn holds_vectors(&self) -> bool {
        let object = self.output.as_ref().and_then(|output| output.get("object")?.as_str());
        self.outcome == Outcome::Completed && object == Some("list")
    }

    /// The attempt that answered.
    #[must_use]
    pub fn winner(&self) -> Option<&Attempt> {
        match self.answered_by {
            Some(id) => self.attempts.iter().find(|attempt| attempt.id == id),
            None => self.attempts.iter().rev().find(|attempt| attempt.serves()),
        }
    }
}
