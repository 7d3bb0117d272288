//! How a run goes: its steps with their times, models, costs and waits, made of its log.

use super::Query;
use crate::{
    PicoUsd, Timestamp,
    ids::RunId,
    names::{DataClass, Origin, Service, Team},
    run::{ParentRef, start::RunStart},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a run goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunQuery {
    /// The run.
    pub id: RunId,
    /// Only when it is this team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
}

/// A run, as its log has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub team: Team,
    /// The workflow, `namespace/name:version`.
    pub workflow: String,
    /// `queued` while it waits for a place; `running`, `paused` or `compensating` while it goes on; then how it ended.
    pub state: String,
    /// Its input.
    #[serde(default)]
    pub input: Value,
    /// Its output, when it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What went wrong, as problem details (RFC 9457) of the workflow language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its steps cost together so far.
    pub cost_usd: PicoUsd,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Words by which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How sensitive it is by all that came to it so far, above public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// The run whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// Runs with a higher number go first.
    #[serde(default)]
    pub priority: i64,
    /// What started it, when nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<RunStart>,
    /// The limit of runs at once that it is under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyView>,
    /// Whether it can be taken up again where it failed.
    #[serde(default)]
    pub can_retry: bool,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its steps, each after the one it stands in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepView>,
}

/// How the places under a limit of runs at once are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConcurrencyView {
    /// What runs share the limit by.
    pub key: String,
    /// So many at once.
    pub limit: u64,
    /// So many have a place.
    pub running: u64,
    /// So many wait.
    pub queued: u64,
    /// So many of these go before the run that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// Its number in the run.
    pub instance: u64,
    /// In how many steps it stands; 0 is the run itself.
    pub level: usize,
    /// Its name.
    pub name: String,
    /// The iteration or branch of the step around it, from 0.
    #[serde(default)]
    pub slot: usize,
    /// `running`, `done`, `skipped`, `failed`, `cancelled` or `dropped`.
    pub state: String,
    /// What a running step does, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// What a step that waits for an approval asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// When the next thing is due that a running step waits for by itself: the end of a wait, the next try, or the end of
    /// the time it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How often a step that is tried again when it fails was begun, when that was more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Of a step that failed, why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What it cost.
    pub cost_usd: PicoUsd,
    /// What else came with the answer of its call: the task, the model, each attempt (`tried`); the delivery, its
    /// outcome and tries; who approved and by what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Value>,
}

impl Query for RunQuery {
    const SUBJECT: &'static str = "query.executor.run";
    const SERVICE: Service = Service::Executor;
    type Reply = RunView;
}
