//! What starts a run that nobody asked for, and what a run waits for before it begins.

use crate::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs start each other by events no deeper, so that no two workflows start each other for ever.
pub const MAX_EVENT_HOPS: u32 = 8;

/// What started a run: a time of its workflow's schedule, or an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStart {
    /// The time of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Times of the schedule that passed since the one before without a run, because nobody was there; all of them
    /// are made up for by this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
    /// The id of the event, or of the last of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// How many runs started each other by events until this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
}

/// A limit of runs at once, as a workflow's `concurrency` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunGate {
    /// Where its places are kept.
    pub name: String,
    /// What runs share it by.
    pub key: String,
    /// So many at once.
    pub limit: u64,
}

/// Whether a number is left out.
pub(crate) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}
