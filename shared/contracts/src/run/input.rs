//! What comes to a run from outside.

use crate::{
    Message,
    ids::RunId,
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The extension attribute of an event that says how sensitive it is, by the name of a class. A run that hears it is at
/// least as sensitive from then on.
pub const CLASS_ATTRIBUTE: &str = "neptuneclass";

/// Something comes to a run: a signal, a wish, the answer of a call. Stored once by its id; a second one with
/// the id is refused by the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunInput {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// Its name among the inputs of the run, 1 to 63 characters; a token of the subject. Of an answer `r` and
    /// the step's number.
    pub id: String,
    /// What comes.
    pub what: RunWish,
}

/// What comes to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RunWish {
    /// An event in the sense of CloudEvents.
    Signal {
        /// The event. Its attribute `neptuneclass` says how sensitive it is.
        event: Value,
    },
    /// It ends; what it did is undone where its definition says how.
    Cancel {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// It begins nothing more until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// It goes on where it failed.
    Retry,
    /// A call was made.
    Answered {
        /// The number of the step that called.
        instance: u64,
        /// What came of it, as the workflow engine reads it.
        answer: Value,
    },
    /// A call that must not be made twice is about to be made.
    Begun {
        /// The number of the step that calls.
        instance: u64,
    },
}

impl RunInput {
    /// The answer of a call.
    #[must_use]
    pub fn answered(run: RunId, team: Team, instance: u64, answer: Value) -> Self {
        Self { run, team, id: Self::answer_id(instance), what: RunWish::Answered { instance, answer } }
    }

    /// The id of the answer of a step.
    #[must_use]
    pub fn answer_id(instance: u64) -> String {
        format!("r{instance}")
    }
}

impl Message for RunInput {
    const SUBJECT: &'static str = "run.input.v1.<team>.<run>.<id>";
    const STREAM: StreamName = StreamName::Runs;
    const PRODUCERS: &'static [Service] = &[Service::Ingress, Service::Executor, Service::Operator];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.run.to_string(), self.id.clone()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.input.{}", self.team, self.run, self.id)
    }
}
