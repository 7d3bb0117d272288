//! How good answers were, by what was said about them.

use super::Query;
use crate::{
    Timestamp,
    feedback::FeedbackBy,
    names::{Service, TaskType, Team},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What counts of everything that was said about one answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// How good the answer was, 0 to 1.
    pub score: f64,
    /// Who says so.
    pub by: FeedbackBy,
    /// When it was said.
    pub given_at: Timestamp,
    /// How often something was said, all of it counted.
    pub given: u64,
}

/// How good answers were, per model, step and kind of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityQuery {
    /// Only this team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// Tasks that ended from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Tasks that ended before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How good answers were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    /// One row a model, step and kind of work, the most judged first.
    pub rows: Vec<QualityRow>,
}

/// How good one model's answers were in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityRow {
    /// The model that answered.
    pub model: String,
    /// The workflow, where the tasks were steps of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The step of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// Tasks that the model answered.
    pub tasks: u64,
    /// Of these, tasks whose answer was judged.
    pub judged: u64,
    /// Of these, by a person.
    pub judged_by_person: u64,
    /// The mean score of the judged, 0 to 1.
    pub quality: f64,
}

impl Query for QualityQuery {
    const SUBJECT: &'static str = "query.metering.quality";
    const SERVICE: Service = Service::Metering;
    type Reply = QualityReport;
}
