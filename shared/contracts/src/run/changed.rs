//! How far a run is, for whoever looks for runs.

use super::ParentRef;
use crate::{
    Message, Timestamp,
    ids::RunId,
    names::{Origin, Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A run that has not ended is in another state than before. Its end is [`super::finished::RunFinished`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunChanged {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub team: Team,
    /// The workflow, `namespace/name:version`.
    pub workflow: String,
    /// How it stands now.
    pub state: RunState,
    /// Counts the changes of the run's state from 1, its ends among them, and is 0 before it began: of two the one with the
    /// higher number holds, and of two with the same the later one.
    pub change: u32,
    /// Since when it stands so.
    pub changed_at: Timestamp,
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
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it was put aside, if this tells that it goes on after all: as it stood before, or as it stands since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_aside: Option<Timestamp>,
}

/// How a run stands that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for others of its workflow.
    Queued,
    /// It goes on, or waits for what it asked for.
    Running,
    /// It begins nothing more until it is resumed.
    Paused,
    /// It undoes what it did, and then ends.
    Compensating,
}

impl RunState {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Compensating => "compensating",
        }
    }
}

impl Message for RunChanged {
    const SUBJECT: &'static str = "run.changed.v1.<team>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Metering];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string()]
    }

    fn dedup_key(&self) -> String {
        // What was told before it was put aside is told again.
        let again = self.after_aside.map(|aside| format!(".after.{}", aside.unix_micros()));
        format!("{}.{}.changed.{}{}", self.team, self.id, self.change, again.unwrap_or_default())
    }
}
