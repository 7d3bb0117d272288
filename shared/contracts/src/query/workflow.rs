//! Which workflows there are, what starts them, and what started lately.

use super::{Query, run::ConcurrencyView};
use crate::{
    Timestamp,
    ids::RunId,
    names::{Service, Team},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which workflows there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowsQuery {
    /// Only this one: `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Workflows, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowsReport {
    /// One entry a workflow.
    pub workflows: Vec<WorkflowView>,
}

/// A workflow, in the version that is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowView {
    /// `namespace/name`.
    pub name: String,
    /// The version in force: the highest one.
    pub version: String,
    /// Every version, from the lowest on.
    pub versions: Vec<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The team that runs it, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// What starts it by itself, in words; empty when somebody has to ask for each run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// When it starts next by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due_at: Option<Timestamp>,
    /// Its schedule is put off until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_paused: bool,
    /// Why its schedule starts nothing, or why it cannot be run at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Runs that its schedule started last, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_runs: Vec<ScheduledRun>,
    /// Its limits of runs at once of which a place is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concurrency: Vec<ConcurrencyView>,
}

/// A run that a schedule started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledRun {
    /// The run.
    pub id: RunId,
    /// The time of the schedule, or of the event.
    pub due_at: Timestamp,
    /// How it stands, as a run's `state` says it; `unknown` when its log is gone.
    pub state: String,
}

impl Query for WorkflowsQuery {
    const SUBJECT: &'static str = "query.executor.workflows";
    const SERVICE: Service = Service::Executor;
    type Reply = WorkflowsReport;
}
