//! What a decision changes: facts that a run is made of. What an expression said stands in them, so that
//! nothing is evaluated when they are read again.

use super::{Answer, At, Doing, Ending, Event, Instance, Lowered, Problem, Role, Sensitivity};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What one decision changed: one entry of a run's log, stored as a whole or not at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was decided, in milliseconds since 1970.
    pub at_ms: u64,
    /// What changed, in its order.
    pub changes: Vec<Change>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The run began.
    Began {
        /// Its id.
        run: String,
        /// The definition: namespace, name and version.
        workflow: String,
        /// Its input as it was given.
        input: Arc<Value>,
        /// How sensitive that is.
        #[serde(default)]
        sensitivity: Sensitivity,
    },
    /// A task was begun.
    Entered(Box<Entered>),
    /// A task was not done: its condition does not hold. Its input is its output.
    Skipped {
        /// The number it would have had.
        instance: Instance,
        /// Its name.
        name: String,
        /// The task around it.
        parent: Instance,
        /// Which branch of that it is.
        slot: usize,
    },
    /// A task does something that takes its time.
    Became {
        /// The task.
        instance: Instance,
        /// What.
        doing: Doing,
    },
    /// A call was answered.
    Answered {
        /// The task that called.
        instance: Instance,
        /// What it cost, in pico-US-dollars.
        #[serde(default)]
        cost_pico_usd: i64,
        /// How sensitive the answer is.
        #[serde(default)]
        sensitivity: Sensitivity,
        /// How sensitive what it was made of was found to be, where that is more.
        #[serde(default, skip_serializing_if = "is_zero")]
        seen: Sensitivity,
        /// What else came with the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Value>,
    },
    /// A task emitted an event.
    Emitted {
        /// The task.
        instance: Instance,
        /// The event.
        event: Arc<Value>,
    },
    /// A task came to its end.
    Left {
        /// The task.
        instance: Instance,
        /// What came out of it.
        output: Output,
        /// The context from now on.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        context: Option<Arc<Value>>,
        /// The function that undoes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compensate: Option<usize>,
        /// How sensitive an output is that says its value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lowered: Lowered,
        /// How sensitive the context is from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context_lowered: Lowered,
    },
    /// A task failed.
    Failed {
        /// The task.
        instance: Instance,
        /// Its name.
        name: String,
        /// What went wrong.
        problem: Problem,
    },
    /// What happens in a task is given up, the task itself not.
    Emptied {
        /// The task.
        instance: Instance,
    },
    /// A task is given up, with all that happens in it.
    Dropped {
        /// The task.
        instance: Instance,
        /// What stands in place of its output, if its loop goes on.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        instead: Option<Arc<Value>>,
    },
    /// A failed task was taken out of its place, to be begun again there.
    Withdrawn {
        /// The task.
        instance: Instance,
    },
    /// A task that listens heard an event.
    Heard {
        /// The task.
        instance: Instance,
        /// The event as it is read; none where it only says that no more are wanted.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        event: Option<Arc<Value>>,
        /// The filter that it fits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<usize>,
        /// What further events must agree in.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        agreed: Vec<(String, Value)>,
        /// Whether no more events are wanted.
        is_enough: bool,
    },
    /// A signal or wish came, and is known from now on.
    Seen {
        /// Its id.
        id: String,
        /// How sensitive it is.
        #[serde(default)]
        sensitivity: Sensitivity,
    },
    /// An event came that nobody listens to yet.
    Buffered {
        /// The event.
        event: Arc<Value>,
    },
    /// An event was heard that had come before.
    Unbuffered {
        /// Its place among those.
        index: usize,
    },
    /// The run was paused.
    Paused,
    /// Something came while it was paused.
    Held {
        /// What.
        event: Box<Event>,
    },
    /// It goes on.
    Resumed,
    /// The run cannot go on because a task failed.
    Stuck {
        /// The task.
        instance: Instance,
    },
    /// The run goes on where it failed; what is left of it may take its time anew.
    Retried {
        /// From when, in milliseconds since 1970.
        now_ms: u64,
    },
    /// It undoes what it did, and then ends so.
    Compensating {
        /// How it ends.
        ending: Arc<Ending>,
    },
    /// The next task is undone.
    Undone,
    /// It has ended.
    Ended {
        /// How.
        ending: Arc<Ending>,
    },
}

/// A task that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entered {
    /// Its number.
    pub instance: Instance,
    /// Its name.
    pub name: String,
    /// The task around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Instance>,
    /// Which branch or iteration of that it is.
    #[serde(default)]
    pub slot: usize,
    /// Its place in the definition.
    pub at: At,
    /// What it is.
    pub role: Role,
    /// Its input before `input.from`; none: what flows in the task around it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub raw: Option<Arc<Value>>,
    /// Its input; none: the same.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Arc<Value>>,
    /// Variables that it makes known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<(String, Arc<Value>)>,
    /// The extensions that are put around it, by their index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<usize>,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
    /// Until when it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// How sensitive an input is that does not only flow in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered: Lowered,
}

/// What came out of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Its input.
    Input,
    /// What came out of the last task in it.
    Data,
    /// This.
    Value(Arc<Value>),
}

/// What is there, null as well.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Value>>, D::Error> {
    Arc::deserialize(deserializer).map(Some)
}

/// Whether a number is left out.
pub(super) const fn is_zero(number: &Sensitivity) -> bool {
    *number == 0
}

impl Change {
    /// The cost and note of an answer.
    #[must_use]
    pub fn answered(instance: Instance, answer: &Answer) -> Self {
        Self::Answered {
            instance,
            cost_pico_usd: answer.cost_pico_usd,
            sensitivity: answer.sensitivity,
            seen: answer.seen,
            note: answer.note.clone(),
        }
    }
}
