//! Which runs there are: by workflow, state, team, time and tag, newest first.

use super::Query;
use crate::{
    PicoUsd, Timestamp,
    ids::RunId,
    names::{Origin, Service, Team},
    run::{ParentRef, changed::RunState, finished::RunOutcome},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Most runs of one page.
pub const MAX_RUNS: u32 = 500;

/// Which runs there are. A run is found within a second of its beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunsQuery {
    /// Only of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// Only of this workflow: `namespace/name` for all its versions, or `namespace/name:version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Only in one of these states; none: in any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Only with all of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Only submitted at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only submitted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Most runs, 1 to 500.
    pub limit: u32,
    /// Only those after the last one of the page before, as its `next` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether what all runs that are searched for cost is told by workflow.
    #[serde(default)]
    pub totals: bool,
}

/// The runs that were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunsReport {
    /// A page of them, the newest submit first.
    pub runs: Vec<RunLine>,
    /// Names the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// By workflow how many runs there are on all pages, and what they cost; when that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<WorkflowTotal>,
}

/// A run as the ledger has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunLine {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub team: Team,
    /// The workflow, `namespace/name:version`.
    pub workflow: String,
    /// `queued`, `running`, `paused` or `compensating` while it goes on; then how it ended.
    pub state: String,
    /// What it cost, of one that goes on: what its steps that have ended cost.
    pub cost_usd: PicoUsd,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// Id of the API key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub labels: Map<String, Value>,
    /// Words by which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The run whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// What went wrong, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Since when it stands so.
    pub changed_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What the runs of a workflow cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowTotal {
    /// The workflow, `namespace/name` over all its versions.
    pub workflow: String,
    /// How many runs.
    pub runs: u64,
    /// What they cost together.
    pub cost_usd: PicoUsd,
}

impl Query for RunsQuery {
    const SUBJECT: &'static str = "query.metering.runs";
    const SERVICE: Service = Service::Metering;
    type Reply = RunsReport;
}

/// Every state that a run can be found in.
pub const STATES: [&str; 10] = [
    RunState::Queued.as_str(),
    RunState::Running.as_str(),
    RunState::Paused.as_str(),
    RunState::Compensating.as_str(),
    RunOutcome::Completed.as_str(),
    RunOutcome::Faulted.as_str(),
    RunOutcome::Cancelled.as_str(),
    RunOutcome::TimedOut.as_str(),
    RunOutcome::BudgetExhausted.as_str(),
    RunOutcome::Rejected.as_str(),
];

/// Where a page of runs ends: the last run and when it was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The run.
    pub id: RunId,
}

impl Cursor {
    /// The cursor of a text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        let submitted_at = Timestamp::from_unix_micros(micros.parse().ok()?)?;
        Some(Self { submitted_at, id: id.parse().ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.submitted_at.unix_micros(), self.id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor =
            Cursor { submitted_at: Timestamp::from_unix_micros(1_800_000_000_123_456).unwrap(), id: RunId::mint() };
        assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
        for text in ["", "x", "1.2", "1800000000123456", "x.0199f2aa-0000-7000-8000-0000000000e1"] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }
}
