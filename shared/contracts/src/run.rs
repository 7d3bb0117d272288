//! Runs of workflows: asked for, carried on by their log, ended by one fact.
//!
//! A run is not admitted as such: its steps are tasks and deliveries, which governance admits one by one.
//! The executor carries runs. All that a run is stands in its log ([`log::RunLogged`]): one message is one
//! append, stored only by whoever knows the message before it. What comes to a run from outside
//! ([`input::RunInput`], [`timer::RunFired`], the facts of its tasks and deliveries) is acknowledged when what
//! follows from it is in the log and asked for.

pub mod call;
pub mod changed;
pub mod finished;
pub mod input;
pub mod log;
pub mod start;
pub mod tags;
pub mod timer;

use crate::{
    Message,
    ids::{RunId, TaskId},
    names::{DataClass, Origin, Service, Team},
    topology::StreamName,
    unknown,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use start::RunStart;
use uuid::Uuid;

/// Workflows run each other no deeper.
pub const MAX_DEPTH: u32 = 8;

/// Somebody asks for a run. The team is the one in the subject, whatever the body says. Neptune's own doors
/// append the origin to the subject, which the broker lets nobody else do: only from them `key` and `parent` are
/// taken over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSubmitted {
    /// Minted by the caller (UUID v7), so that a repeated submit is the same run. Without one the id follows
    /// from where the broker stored the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
    /// Taken from the subject.
    #[serde(skip)]
    #[schemars(skip)]
    pub team: Option<Team>,
    /// Where it came from; `bus` unless one of Neptune's own doors says otherwise.
    #[serde(default)]
    pub origin: Origin,
    /// Id of the API key it came with; its tasks go by it, too. Only the ingress can say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The workflow, `namespace/name` for its highest version or `namespace/name:version`.
    pub workflow: String,
    /// Its input.
    #[serde(default)]
    pub input: Value,
    /// The caller's own labels, kept with the run and its tasks.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Words by which it is found, besides those of its workflow ([`tags`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The run whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// Runs of a team and workflow with the same key are the same run; its id follows from the key, whatever `id`
    /// says. The key that the workflow's definition makes of the input goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Runs with a higher number go first; as the workflow says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// What started it, when nobody asked for it. Only the executor can say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<RunStart>,
    /// How sensitive its input is, where somebody says so. The run is as sensitive as the most sensitive thing that
    /// comes to it, and its tasks and deliveries are at least that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
}

/// The step of a run that another run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParentRef {
    /// The run.
    pub run: RunId,
    /// The step's number in it.
    pub instance: u64,
    /// In how many runs it stands, 1 or more.
    pub depth: u32,
    /// Whether the run waits for its end.
    #[serde(default)]
    pub is_awaited: bool,
}

/// The step of a run that a delivery is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStepRef {
    /// The run.
    pub run: RunId,
    /// The step's number in it.
    pub instance: u64,
}

impl Message for RunSubmitted {
    const SUBJECT: &'static str = "run.submitted.v1.<team>.<origin?>";
    const STREAM: StreamName = StreamName::Tasks;
    const PRODUCERS: &'static [Service] = &[Service::Client, Service::Ingress, Service::Executor, Service::Operator];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        let door = Some(self.origin).filter(|origin| *origin != Origin::Bus);
        self.team.iter().map(ToString::to_string).chain(door.iter().map(ToString::to_string)).collect()
    }

    fn dedup_key(&self) -> String {
        // Another team's run of the same id is another run.
        self.id.zip(self.team.as_ref()).map(|(id, team)| format!("{team}.{id}.run")).unwrap_or_default()
    }

    fn decode(body: &[u8]) -> serde_json::Result<Self> {
        let (mut run, _): (Self, _) = unknown::read(body, &[crate::task::TEAM])?;
        // Every program that leaves its id unset would otherwise name the same run.
        run.id = run.id.filter(|id| !id.0.is_nil());
        Ok(run)
    }

    fn read_parameters(&mut self, parameters: &[&str]) {
        self.team = parameters.first().and_then(|team| team.parse().ok());
        let door: Option<Origin> = parameters.get(1).and_then(|origin| origin.parse().ok());
        match door.filter(|origin| *origin != Origin::Bus) {
            Some(origin) => self.origin = origin,
            // Whoever publishes on the bus is known as a team and no further.
            None => (self.origin, self.key, self.parent, self.start) = (Origin::Bus, None, None, None),
        }
    }
}

impl RunId {
    /// The id of the task that a step is; the same whoever asks for it.
    #[must_use]
    pub fn task(self, instance: u64) -> TaskId {
        TaskId::derive(self.0, &format!("task.{instance}"))
    }

    /// The id of the run that a step is.
    #[must_use]
    pub fn child(self, instance: u64) -> Self {
        Self::derive(self.0, &format!("run.{instance}"))
    }

    /// The id of the run of a team and workflow that a key stands for, whichever version of the workflow it is of.
    #[must_use]
    pub fn of_key(team: &Team, workflow: &str, key: &str) -> Self {
        let bare = workflow.split(':').next().unwrap_or_default();
        Self::derive(Uuid::NAMESPACE_OID, &format!("run/{team}/{bare}/{key}"))
    }

    /// The id of the run that a workflow's schedule starts at a time, in milliseconds since 1970.
    #[must_use]
    pub fn of_slot(team: &Team, workflow: &str, slot_ms: u64) -> Self {
        Self::derive(Uuid::NAMESPACE_OID, &format!("slot/{team}/{workflow}/{slot_ms}"))
    }

    /// The id of the run that a workflow's schedule starts with an event.
    #[must_use]
    pub fn of_event(team: &Team, workflow: &str, event: &str) -> Self {
        Self::derive(Uuid::NAMESPACE_OID, &format!("event/{team}/{workflow}/{event}"))
    }

    /// The id of a run that was submitted without one: the same on every redelivery.
    #[must_use]
    pub fn of_stored(stream: &str, sequence: u64) -> Self {
        Self(TaskId::of_stored(stream, sequence).0)
    }
}
