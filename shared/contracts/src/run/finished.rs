//! The end of a run.

use super::ParentRef;
use crate::{
    Message, PicoUsd, Timestamp,
    ids::RunId,
    names::{Origin, Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A run has ended. Stored once for each time that it ends: one that failed may be taken up again where it failed,
/// and its next end replaces this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFinished {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub team: Team,
    /// The workflow, `namespace/name:version`; of a run that never began as it was asked for.
    pub workflow: String,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Counts the ends of the run, from 1; 0 of a run that was put aside because its log cannot be used.
    pub turn: u32,
    /// Counts the changes of the run's state, this end among them, as [`super::changed::RunChanged`] does; 0 in messages
    /// of before it was counted.
    #[serde(default)]
    pub change: u32,
    /// Its output, when it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What went wrong, as problem details (RFC 9457) of the workflow language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its steps cost together.
    pub cost_usd: PicoUsd,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// Id of the API key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Words by which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The run whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// It was carried to its end.
    Completed,
    /// A step failed, and nothing handled that.
    Faulted,
    /// Somebody ended it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// There was no money left for what comes next.
    BudgetExhausted,
    /// It never began: there is no such workflow, its definition cannot be run, or the input is not what it takes.
    Rejected,
}

impl RunOutcome {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Faulted => "faulted",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Rejected => "rejected",
        }
    }
}

impl Message for RunFinished {
    const SUBJECT: &'static str = "run.finished.v1.<team>.<run>";
    const STREAM: StreamName = StreamName::Results;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Metering, Service::Ingress, Service::Client];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.id.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.finished.{}", self.team, self.id, self.turn)
    }
}
