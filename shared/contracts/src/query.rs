//! Queries: request and reply over the bus, by the NATS micro-service protocol.

use crate::{
    PicoUsd, Timestamp,
    attempt::Attempt,
    finished::TaskFinished,
    ids::{DeliveryId, TaskId},
    names::{Channel, Service, Team},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub mod decisions;
pub mod quality;
pub mod redact;
pub mod routing;
pub mod run;
pub mod runs;
pub mod workflow;

use decisions::DecisionsQuery;
use quality::{Judgement, QualityQuery};
use redact::RedactQuery;
use routing::RoutingQuery;
use run::RunQuery;
use runs::RunsQuery;
use workflow::WorkflowsQuery;

/// A question one service answers.
pub trait Query: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The subject after the namespace.
    const SUBJECT: &'static str;
    /// Who answers.
    const SERVICE: Service;
    /// The answer.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueryError {
    /// `not_found`, `invalid_request` or `unavailable`.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// Everything the ledger knows of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskQuery {
    /// The task.
    pub id: TaskId,
    /// Only when it is this team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
}

/// A task as the ledger has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskView {
    /// The finished fact; its `output` is left out, because outputs are not kept in the ledger.
    pub finished: TaskFinished,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// The sum of its ledger entries.
    pub ledger_total_usd: PicoUsd,
    /// What counts of the feedback about its answer; absent while nobody gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Judgement>,
}

/// A delivery as the ledger has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryView {
    /// The delivery.
    pub id: DeliveryId,
    /// The channel.
    pub channel: Channel,
    /// `delivered`, `failed`, `rejected`, or `pending` while tries go on.
    pub state: String,
    /// Tries made.
    pub attempts: u32,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Query for TaskQuery {
    const SUBJECT: &'static str = "query.metering.task";
    const SERVICE: Service = Service::Metering;
    type Reply = TaskView;
}

/// What was spent, grouped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpendQuery {
    /// Only this team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// From this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Up to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// By what.
    #[serde(default)]
    pub group_by: SpendGroup,
}

/// By what spend is grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpendGroup {
    /// Team.
    #[default]
    Team,
    /// Model.
    Model,
    /// Kind of work.
    TaskType,
    /// Workflow.
    Workflow,
}

/// What was spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpendReport {
    /// One row a group, dearest first.
    pub rows: Vec<SpendRow>,
    /// The sum of all rows.
    pub total_usd: PicoUsd,
    /// When the newest entry of the ledger was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// What one group spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpendRow {
    /// The group: a team, a model, a kind of work or a workflow.
    pub group: String,
    /// Tasks with an entry.
    pub tasks: u64,
    /// Model calls.
    pub calls: u64,
    /// Input tokens of all classes.
    pub input_tokens: u64,
    /// Output tokens of all classes.
    pub output_tokens: u64,
    /// The money.
    pub cost_usd: PicoUsd,
    /// Tasks for which no model was called, because an answer served again.
    #[serde(default)]
    pub served_from_cache: u64,
    /// What these answers had cost.
    #[serde(default)]
    pub saved_usd: PicoUsd,
    /// Tasks whose answer somebody judged; by model, those that the model answered.
    #[serde(default)]
    pub judged: u64,
    /// Their mean score, 0 to 1; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
}

impl Query for SpendQuery {
    const SUBJECT: &'static str = "query.metering.spend";
    const SERVICE: Service = Service::Metering;
    type Reply = SpendReport;
}

/// How a team's budgets stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetQuery {
    /// The team.
    pub team: Team,
}

/// How a team's budgets stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetReport {
    /// One entry a budget.
    pub budgets: Vec<BudgetView>,
}

/// How one budget stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetView {
    /// The budget.
    pub name: String,
    /// The period it is in, for example `2026-11`.
    pub period: String,
    /// The limit.
    pub limit_usd: PicoUsd,
    /// Settled.
    pub spent_usd: PicoUsd,
    /// Reserved.
    pub held_usd: PicoUsd,
}

impl Query for BudgetQuery {
    const SUBJECT: &'static str = "query.governance.budget";
    const SERVICE: Service = Service::Governance;
    type Reply = BudgetReport;
}

/// The newest attempts of a model, for people who look into a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptsQuery {
    /// Only this model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// At most this many, 1 to 1,000.
    pub limit: u32,
}

/// Attempts, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptsReport {
    /// The attempts.
    pub attempts: Vec<Attempt>,
}

impl Query for AttemptsQuery {
    const SUBJECT: &'static str = "query.metering.attempts";
    const SERVICE: Service = Service::Metering;
    type Reply = AttemptsReport;
}

/// A query as data, for documents and permissions.
#[derive(Clone, Copy, Debug)]
pub struct QueryEntry {
    /// The subject after the namespace.
    pub subject: &'static str,
    /// Who answers.
    pub service: Service,
}

const fn entry<Q: Query>() -> QueryEntry {
    QueryEntry { subject: Q::SUBJECT, service: Q::SERVICE }
}

/// Every query.
pub const QUERIES: &[QueryEntry] = &[
    entry::<TaskQuery>(),
    entry::<SpendQuery>(),
    entry::<AttemptsQuery>(),
    entry::<QualityQuery>(),
    entry::<RoutingQuery>(),
    entry::<DecisionsQuery>(),
    entry::<RunsQuery>(),
    entry::<BudgetQuery>(),
    entry::<RedactQuery>(),
    entry::<RunQuery>(),
    entry::<WorkflowsQuery>(),
];
