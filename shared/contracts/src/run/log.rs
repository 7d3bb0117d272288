//! The log of a run.

use super::{
    ParentRef,
    start::{RunGate, RunStart, is_zero},
};
use crate::{
    Message, Timestamp,
    ids::RunId,
    names::{DataClass, Origin, Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What was decided about a run: one append to its log. It is stored only after the message that whoever decided
/// knew as the last one, so of two who decide at the same time one has to read and decide again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunLogged {
    /// Of this append, so that a repeated publish is recognised.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// What the run was made of; in the first message of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_of: Option<Box<RunMadeOf>>,
    /// What was decided about: a task, a timer, an input. What is handed out again because its reader died is
    /// found here, and what followed from it is asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What changed, decision by decision, as the workflow engine writes it.
    pub records: Vec<Value>,
}

/// What a run was made of. A running run keeps its definition, whatever is applied later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunMadeOf {
    /// The workflow, `namespace/name:version`.
    pub workflow: String,
    /// Its definition.
    pub definition: Value,
    /// SHA-256 of the definition as JSON, hex.
    pub definition_sha256: String,
    /// When the run was submitted.
    pub submitted_at: Timestamp,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// Id of the API key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Words by which it is found: the workflow's and the caller's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The run whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// Where its end is published too: the inbox of a caller that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Runs with a higher number go first, and so do their tasks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i64,
    /// What started it, when nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<RunStart>,
    /// The limit of runs at once that it is under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<RunGate>,
    /// Its input, while it waits for a place under that limit; kept here alone until it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// How sensitive that is, where somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
}

impl RunMadeOf {
    /// Of a definition, and nothing besides.
    #[must_use]
    pub fn new(workflow: String, definition: Value, definition_sha256: String, submitted_at: Timestamp) -> Self {
        Self {
            workflow,
            definition,
            definition_sha256,
            submitted_at,
            origin: Origin::Bus,
            key: None,
            metadata: Map::new(),
            tags: Vec::new(),
            parent: None,
            reply_to: None,
            priority: 0,
            start: None,
            gate: None,
            input: None,
            class: None,
        }
    }
}

impl Message for RunLogged {
    const SUBJECT: &'static str = "run.log.v1.<team>.<run>";
    const STREAM: StreamName = StreamName::Runs;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.run.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.log.{}", self.team, self.run, self.id)
    }
}
