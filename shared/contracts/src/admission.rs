//! Governance's answer: the task may go on, and within what bounds.

use crate::{
    Message, PicoUsd, Timestamp,
    chat::ChatRequest,
    delivery::DeliverySpec,
    fingerprint::{Fingerprint, sum},
    ids::{HoldId, TaskId},
    names::{DataClass, Origin, Service, TaskType, Team, Zone},
    parked::Parked,
    problem::Problem,
    task::{Constraints, OutputSpec, StepRef},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A task with its identity settled: what every stage after governance works on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// The task's id.
    pub id: TaskId,
    /// Who asks.
    pub team: Team,
    /// Where it came from.
    pub origin: Origin,
    /// Id of the API key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When the accept was stored.
    pub submitted_at: Timestamp,
    /// What to do.
    pub input: ChatRequest,
    /// The kind of work, when the caller declared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// What must hold.
    #[serde(default)]
    pub constraints: Constraints,
    /// What the output must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSpec>,
    /// Who gets the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliver: Vec<DeliverySpec>,
    /// The step of a run that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the caller said, as sums, by which a repeat is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Box<Fingerprint>>,
    /// Fields of the request that were ignored, each with what to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// Set once it had to wait until a model had room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Box<Parked>>,
}

/// What governance decided about a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Admission {
    /// When it was decided.
    pub admitted_at: Timestamp,
    /// After this time the admission is void.
    pub expires_at: Timestamp,
    /// How sensitive the task is.
    pub class: DataClass,
    /// Kinds of sensitive data found, never the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The models that may see the task.
    pub allowed_models: Vec<String>,
    /// The models that may not, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_models: Vec<Exclusion>,
    /// Zones that may see the task.
    pub allowed_zones: Vec<Zone>,
    /// The most all attempts may cost together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<PicoUsd>,
    /// Money reserved for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// How the budgets that are to be kept in step with their period stand. Advice to the router, no
    /// bound, so not signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pace: Vec<BudgetPace>,
    /// Version of the policy that decided.
    pub policy_version: String,
    /// SHA-256 of the task's input as canonical JSON, base64.
    pub input_sha256: String,
    /// SHA-256 of the task's terms as JSON, base64: `origin`, `key`, `constraints`, `output`, `deliver` and `step`, in this
    /// order. Absent in admissions of a governance that did not sign them yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_sha256: Option<String>,
    /// Id of the signing key.
    pub signed_by: String,
    /// Ed25519 over [`Admission::signed_bytes`], base64.
    pub signature: String,
}

/// A kind of sensitive data that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// For example `EMAIL` or `API_KEY`.
    pub kind: String,
    /// How often.
    pub count: u32,
}

/// The rule by which a model is excluded that the team was never granted: its callers are not told of it by name.
pub const NO_GRANT: &str = "no_grant";

/// That so many models were never granted to `team`, as a reason among others; nothing for none.
#[must_use]
pub fn not_granted(count: usize, team: &Team) -> Option<String> {
    let are = if count == 1 { "model is" } else { "models are" };
    (count > 0).then(|| format!("{count} {are} not granted to team {team}"))
}

/// A model that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusion {
    /// The model.
    pub model: String,
    /// The rule, for example `no_grant` or `zone`.
    pub code: String,
    /// The reason in words.
    pub reason: String,
}

/// Money reserved before a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// The hold.
    pub id: HoldId,
    /// How much.
    pub amount_usd: PicoUsd,
    /// The budgets it is held in.
    pub budgets: Vec<String>,
}

/// How much of a budget is spent, and how much of its period is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetPace {
    /// The budget and its period, `<budget>:<period>`.
    pub budget: String,
    /// Spent, as a share of the limit; 0 or more.
    pub spent_share: f64,
    /// Over, as a share of the period, 0 to 1.
    pub elapsed_share: f64,
}

/// A task that may go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskAdmitted {
    /// The task.
    pub task: Task,
    /// Its bounds.
    pub admission: Admission,
}

impl Message for TaskAdmitted {
    const SUBJECT: &'static str = "task.admitted.v1.<lane>";
    const STREAM: StreamName = StreamName::Stage;
    const PRODUCERS: &'static [Service] = &[Service::Governance];
    const CONSUMERS: &'static [Service] = &[Service::Router];

    fn parameters(&self) -> Vec<String> {
        vec![self.task.constraints.lane.to_string()]
    }

    fn dedup_key(&self) -> String {
        self.task.id.to_string()
    }

    fn task(&self) -> Option<&Task> {
        Some(&self.task)
    }
}

/// What decides, besides its input, what is called for a task and how often, who pays, and who gets the result.
#[derive(Serialize)]
struct Terms<'t> {
    origin: Origin,
    key: Option<&'t str>,
    constraints: &'t Constraints,
    output: Option<&'t OutputSpec>,
    deliver: &'t [DeliverySpec],
    step: Option<&'t StepRef>,
}

impl Task {
    /// The sum of the task's terms, as it stands in its admission; nothing when they cannot be written as JSON.
    #[must_use]
    pub fn terms_sha256(&self) -> Option<String> {
        sum(&Terms {
            origin: self.origin,
            key: self.key.as_deref(),
            constraints: &self.constraints,
            output: self.output.as_ref(),
            deliver: &self.deliver,
            step: self.step.as_ref(),
        })
    }
}

impl Admission {
    /// Whether `model` is excluded because the team was never granted it.
    #[must_use]
    pub fn was_never_granted(&self, model: &str) -> bool {
        self.excluded_models.iter().any(|excluded| excluded.model == model && excluded.code == NO_GRANT)
    }

    /// What the signature covers: the task's identity, input and terms, and every bound. One field per
    /// line, so no two admissions share their bytes. An admission of before, without terms, has the bytes of before.
    #[must_use]
    pub fn signed_bytes(&self, task: TaskId, team: &Team) -> Vec<u8> {
        let zones: Vec<&str> = self.allowed_zones.iter().map(|zone| zone.as_str()).collect();
        let cap = self.max_cost_usd.map(|cap| cap.to_string()).unwrap_or_default();
        let hold = self.hold.as_ref().map(|hold| format!("{} {}", hold.id, hold.amount_usd)).unwrap_or_default();
        let version = if self.terms_sha256.is_some() { "neptune-admission-v2" } else { "neptune-admission-v1" };
        let mut lines = [
            version,
            &task.to_string(),
            team.as_str(),
            &self.input_sha256,
            self.class.as_str(),
            &self.allowed_models.join(","),
            &zones.join(","),
            &cap,
            &hold,
            &self.policy_version,
            &self.expires_at.to_string(),
        ]
        .join("\n");
        if let Some(terms) = &self.terms_sha256 {
            lines.push('\n');
            lines.push_str(terms);
        }
        lines.into_bytes()
    }
}
