//! What `metadata.neptune` says about a workflow or a task.

use super::Template;
use serde::{Deserialize, Serialize};

/// What it says about a workflow.
#[derive(Debug, Default, Serialize)]
pub struct Settings {
    /// The team whose workflow it is.
    pub team: Option<String>,
    /// What a run may cost, in pico-US-dollars.
    pub max_cost_pico_usd: Option<i64>,
    /// How many runs there may be at once.
    pub concurrency: Option<Concurrency>,
    /// Runs with a higher number go first; 0 unless given.
    pub priority: i64,
    /// Inputs that make the same of this are the same run.
    pub idempotency_key: Option<Template>,
    /// Its schedule starts nothing.
    pub paused: bool,
    /// Words by which its runs are found.
    pub tags: Vec<String>,
    /// The time zone of its schedule by cron, by its IANA name; none: UTC.
    pub time_zone: Option<String>,
}

/// How many runs there may be at once.
#[derive(Debug, Serialize)]
pub struct Concurrency {
    /// Runs whose input makes the same of this share the limit.
    pub key: Template,
    /// So many at once.
    pub limit: u64,
    /// What is done with one too many.
    pub on_conflict: OnConflict,
}

/// What is done with one run too many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It waits.
    #[default]
    Queue,
    /// It is refused.
    Reject,
    /// The oldest is cancelled for it.
    Replace,
}

/// What it says about a task.
#[derive(Debug, Default, Serialize)]
pub struct StepSettings {
    /// How many iterations of a loop run at once; none: one after the other, each with the output of the last.
    pub parallel: Option<u64>,
    /// What becomes of a loop when an iteration fails.
    pub on_error: OnError,
    /// The function that undoes the task, as the index of its part, when the run does not complete.
    pub compensate: Option<usize>,
    /// What the task may cost, in pico-US-dollars.
    pub max_cost_pico_usd: Option<i64>,
    /// What is done when nobody knows whether a call was made.
    pub delivery: Delivery,
}

/// What becomes of a parallel loop when an iteration fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It fails.
    #[default]
    Fail,
    /// It goes on; `{error: …}` stands in place of the output.
    Collect,
}

/// How often a call may be made when a crash hides whether it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Again, under the same key.
    #[default]
    AtLeastOnce,
    /// Not again: the task fails as ambiguous.
    AtMostOnce,
}
