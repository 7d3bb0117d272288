//! Where a run stands.

use super::{Event, Problem, Request};
use crate::definition::Then;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A task that is done once: the number under which it began. 0 is the workflow itself.
pub type Instance = u64;

/// How sensitive data is, as a rank: whoever makes the calls says what a rank means. A run is as sensitive as the
/// most sensitive thing that came to it.
pub type Sensitivity = u8;

/// How sensitive data is that came out of a redaction, or is made of nothing else; none: as its run.
pub type Lowered = Option<Sensitivity>;

/// How sensitive is what is made of two.
#[must_use]
pub(super) fn join(one: Lowered, other: Lowered) -> Lowered {
    Some(one?.max(other?))
}

/// Where a run stands. It is made of its records alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id; empty before it began.
    pub id: String,
    /// Its input as it was given.
    pub input: Arc<Value>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// Its context.
    pub context: Arc<Value>,
    /// The last output of every task, by name.
    pub outputs: BTreeMap<String, Arc<Value>>,
    /// Tasks that are being done.
    pub frames: BTreeMap<Instance, Frame>,
    /// The number of the next task.
    pub next: Instance,
    /// How far it is.
    pub phase: Phase,
    /// Whether it begins nothing more until it is resumed.
    pub is_paused: bool,
    /// What came while it was paused.
    pub held: Vec<Event>,
    /// What it has cost, in pico-US-dollars.
    pub spent_pico_usd: i64,
    /// How sensitive it is.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// How sensitive its context is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_lowered: Lowered,
    /// How sensitive outputs are that are less so than the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs_lowered: BTreeMap<String, Sensitivity>,
    /// Events that came before anybody listened.
    pub signals: Vec<Arc<Value>>,
    /// Ids of signals and wishes that came.
    pub seen: BTreeSet<String>,
    /// How finished tasks are undone, the last one first: function and its input.
    pub compensations: Vec<(usize, Arc<Value>)>,
    /// The task that failed the run.
    pub failed: Option<Instance>,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It did not begin.
    #[default]
    New,
    /// It goes on.
    Running,
    /// It undoes what it did, and then ends so.
    Compensating(Arc<Ending>),
    /// It has ended so.
    Ended(Arc<Ending>),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was carried to its end.
    Completed {
        /// Its output.
        output: Arc<Value>,
    },
    /// A task failed, and nothing handled that.
    Faulted {
        /// What went wrong.
        problem: Problem,
    },
    /// Somebody ended it.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// It took too long.
    TimedOut {
        /// The same as a problem.
        problem: Problem,
    },
    /// There was no money left for what comes next.
    BudgetExhausted {
        /// The same as a problem.
        problem: Problem,
    },
}

impl Ending {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Faulted { .. } => "faulted",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut { .. } => "timed_out",
            Self::BudgetExhausted { .. } => "budget_exhausted",
        }
    }

    /// What went wrong, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Faulted { problem } | Self::TimedOut { problem } | Self::BudgetExhausted { problem } => Some(problem),
            Self::Completed { .. } | Self::Cancelled { .. } => None,
        }
    }
}

/// A task that is being done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// The task around it.
    pub parent: Option<Instance>,
    /// Which branch or iteration of that it is.
    pub slot: usize,
    /// Its list and place in the definition.
    pub at: At,
    /// What it is.
    pub role: Role,
    /// Its input before `input.from`.
    pub raw: Arc<Value>,
    /// Its input.
    pub input: Arc<Value>,
    /// The output of the last task in it.
    pub data: Arc<Value>,
    /// Variables that it makes known.
    pub variables: Vec<(String, Arc<Value>)>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// Until when it may take, in milliseconds since 1970.
    pub limit_ms: Option<u64>,
    /// How often that was set anew.
    pub limit_turn: u64,
    /// The extensions that are put around it, by their index.
    #[serde(default)]
    pub extensions: Vec<usize>,
    /// How sensitive its input is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered: Lowered,
    /// How sensitive the output of the last task in it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_lowered: Lowered,
    /// How sensitive the outputs of its branches or iterations are together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_lowered: Lowered,
    /// How sensitive the answer of its call is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_lowered: Lowered,
    /// What it is doing.
    pub doing: Doing,
}

/// A place in a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The list, as [`crate::definition::Definition::list`] numbers them.
    pub part: usize,
    /// The task in it.
    pub index: usize,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The workflow.
    Workflow,
    /// A task.
    Task,
    /// An iteration of the task around it, or the tasks done with an event.
    Iteration,
    /// The tasks about a caught error.
    Catch,
    /// The tasks that undo another.
    Compensation,
}

/// What a frame is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Tasks one after the other.
    List,
    /// What extensions put before it.
    Before {
        /// How many of them it has done.
        next: usize,
    },
    /// What extensions put after it.
    After {
        /// How many of them it has done.
        next: usize,
        /// What came out of it.
        output: Arc<Value>,
        /// What follows, in place of what the task says.
        then: Option<Then>,
    },
    /// Tasks for each item.
    Loop {
        /// The items.
        items: Arc<Vec<Value>>,
        /// The index of the next.
        next: usize,
        /// How many at once; 0: one after the other.
        window: usize,
        /// Outputs so far, by index.
        results: BTreeMap<usize, Arc<Value>>,
    },
    /// Branches at once.
    Fork {
        /// How many.
        branches: usize,
        /// Whether the first to end wins.
        compete: bool,
        /// Outputs so far, by index.
        results: BTreeMap<usize, Arc<Value>>,
        /// How many competitors failed.
        lost: usize,
    },
    /// Tasks whose errors are handled.
    Try {
        /// Which try it is, from 0.
        turn: u64,
        /// The last error.
        problem: Option<Problem>,
        /// When the next try begins; none while one is made.
        retry_ms: Option<u64>,
        /// Until when this try may take.
        attempt_ms: Option<u64>,
        /// Whether the error is being handled.
        is_caught: bool,
    },
    /// A call.
    Call(Arc<Request>),
    /// A wait until a time in milliseconds since 1970.
    Wait {
        /// When it ends.
        due_ms: u64,
    },
    /// Events.
    Listen(Box<Listening>),
}

/// What a task that listens has heard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Listening {
    /// Events as they are read, in their order.
    pub heard: Vec<Arc<Value>>,
    /// Which filters an event fitted.
    pub fitted: BTreeSet<usize>,
    /// Which filters of `until` an event fitted.
    pub until_fitted: BTreeSet<usize>,
    /// What events must agree in.
    pub agreed: BTreeMap<String, Value>,
    /// Whether no more events are wanted.
    pub is_enough: bool,
    /// How many events tasks were begun with.
    pub begun: usize,
    /// What tasks made of events.
    pub results: Vec<Arc<Value>>,
}
