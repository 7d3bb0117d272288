//! What comes to a run, and what it asks for.

use super::{Ending, Instance, Lowered, Problem, Sensitivity};
use crate::definition::{Delivery, Function};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// Something that happened to a run, with what a decision may not find out itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// What happened.
    pub event: Event,
    /// When it is decided about, in milliseconds since 1970.
    pub now_ms: u64,
    /// A random number, for the jitter of retries.
    pub chance: u64,
}

/// What happened. Each names what it answers, so that a second one of the same changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run is to begin.
    Started {
        /// Its id.
        run: String,
        /// Its input.
        input: Value,
        /// How sensitive that is.
        #[serde(default)]
        sensitivity: Sensitivity,
    },
    /// A call was made.
    Answered {
        /// The task that called.
        instance: Instance,
        /// What came of it.
        answer: Answer,
    },
    /// A time has come.
    TimerFired(Timer),
    /// An event in the sense of CloudEvents was sent to the run.
    Signalled {
        /// Which; a second one with this id is the same.
        id: String,
        /// The event.
        event: Value,
        /// How sensitive that is.
        #[serde(default)]
        sensitivity: Sensitivity,
    },
    /// An event in the sense of CloudEvents was published for whoever listens just now. It is not kept for later.
    Published {
        /// Which; a second one with this id is the same.
        id: String,
        /// The event.
        event: Value,
        /// How sensitive that is.
        #[serde(default)]
        sensitivity: Sensitivity,
        /// The task of this very run that emitted it: one that began to listen after it does not hear it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emitted_by: Option<Instance>,
    },
    /// Somebody wants something of the run.
    Controlled {
        /// Which wish; a second one with this id is the same.
        id: String,
        /// What.
        control: Control,
    },
}

/// What somebody wants of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// It ends; what it did is undone where the definition says how.
    Cancel {
        /// Why.
        reason: String,
    },
    /// It begins nothing more until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// It goes on where it failed.
    Retry,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The output, or what went wrong.
    pub outcome: Outcome,
    /// What it cost, in pico-US-dollars.
    #[serde(default)]
    pub cost_pico_usd: i64,
    /// How sensitive the output is.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// How sensitive what it was made of was found to be, where that is more: the run has seen it.
    #[serde(default, skip_serializing_if = "super::change::is_zero")]
    pub seen: Sensitivity,
    /// Whether it went wrong because it would have cost more than [`Request::budget_pico_usd`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over_budget: bool,
    /// What else the history of the run shall hold: the task, the model, attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Value>,
}

/// The output of a call, or what went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The output.
    Output(Value),
    /// What went wrong.
    Problem(Problem),
}

impl Answer {
    /// An output that cost nothing.
    #[must_use]
    pub fn output(output: Value) -> Self {
        Self {
            outcome: Outcome::Output(output),
            cost_pico_usd: 0,
            sensitivity: 0,
            seen: 0,
            is_over_budget: false,
            note: None,
        }
    }

    /// A problem that cost nothing.
    #[must_use]
    pub fn problem(problem: Problem) -> Self {
        Self {
            outcome: Outcome::Problem(problem),
            cost_pico_usd: 0,
            sensitivity: 0,
            seen: 0,
            is_over_budget: false,
            note: None,
        }
    }
}

/// A timer of a run. Its text is its key: a timer is set once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timer {
    /// The task it is of.
    pub instance: Instance,
    /// What for.
    pub purpose: Purpose,
    /// Which try of the task, from 0.
    pub turn: u64,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The end of a wait.
    Wait,
    /// How long a task may take.
    Limit,
    /// How long a try may take.
    Attempt,
    /// The next try.
    Retry,
}

impl fmt::Display for Timer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purpose = match self.purpose {
            Purpose::Wait => "wait",
            Purpose::Limit => "limit",
            Purpose::Attempt => "attempt",
            Purpose::Retry => "retry",
        };
        write!(formatter, "{}-{purpose}-{}", self.instance, self.turn)
    }
}

/// What a call is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What is called.
    pub function: Function,
    /// The name of the task.
    pub step: String,
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
    /// The arguments, evaluated. Secrets are marks that [`super::secrets`] replaces.
    pub arguments: Value,
    /// Until when an answer is of use, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// What it may cost, in pico-US-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_pico_usd: Option<i64>,
    /// How sensitive the run is: as much as the most sensitive thing it has seen.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// How sensitive its arguments are where all of them come out of a redaction; none: as the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered: Lowered,
    /// What was wrong with the answer of the try before, where the task wants it repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Problem>,
    /// Whether it may be made again when nobody knows whether it was.
    #[serde(default)]
    pub delivery: Delivery,
    /// Whether the run waits for the answer.
    pub is_awaited: bool,
}

/// What a run asks for. Each can be asked for again: its key names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A call; answered by [`Event::Answered`] if it is awaited.
    Call {
        /// The task, and the key.
        instance: Instance,
        /// The call.
        request: Arc<Request>,
    },
    /// The answer of a call is not wanted any more.
    Abort {
        /// The task that called.
        instance: Instance,
    },
    /// A timer; answered by [`Event::TimerFired`].
    SetTimer {
        /// The timer, and the key.
        timer: Timer,
        /// When, in milliseconds since 1970.
        due_ms: u64,
    },
    /// A timer is not wanted any more.
    ClearTimer {
        /// The timer.
        timer: Timer,
    },
    /// An event for others.
    Emit {
        /// The task, and the key.
        instance: Instance,
        /// The event, with an id of its own.
        event: Arc<Value>,
    },
    /// The run has ended.
    End {
        /// How.
        ending: Arc<Ending>,
    },
}

impl Action {
    /// What it is, in one word or two: equal for the same action asked for twice.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Call { instance, .. } => format!("call {instance}"),
            Self::Abort { instance } => format!("abort {instance}"),
            Self::SetTimer { timer, .. } => format!("set {timer}"),
            Self::ClearTimer { timer } => format!("clear {timer}"),
            Self::Emit { instance, .. } => format!("emit {instance}"),
            Self::End { .. } => "end".to_owned(),
        }
    }
}
