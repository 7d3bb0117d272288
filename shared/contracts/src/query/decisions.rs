//! Recorded decisions, to be made again under other rules.

use super::Query;
use crate::{
    Timestamp,
    finished::TaskFinished,
    ids::TaskId,
    names::{Service, Team},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A page of the router's recorded decisions, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionsQuery {
    /// Only this team's tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// Tasks that ended from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Tasks that ended before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DecisionMark>,
}

/// A place in the order of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionMark {
    /// When the task ended.
    pub finished_at: Timestamp,
    /// The task.
    pub task: TaskId,
}

/// A page of decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionsPage {
    /// Finished facts without their outputs; each has its explanation and its admission.
    pub decisions: Vec<TaskFinished>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<DecisionMark>,
}

impl Query for DecisionsQuery {
    const SUBJECT: &'static str = "query.metering.decisions";
    const SERVICE: Service = Service::Metering;
    type Reply = DecisionsPage;
}
