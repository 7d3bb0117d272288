//! A workflow, read and resolved: what a run follows. Tasks stand in one flat list, each with the index
//! after its last inner task; jumps are indices and expressions are compiled.

use crate::{expression::Expression, fault::Place};
use serde::{Serialize, Serializer};

/// A workflow.
#[derive(Debug, Serialize)]
pub struct Definition {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// What it is for.
    pub title: Option<String>,
    /// How long a run may take.
    pub limit: Option<Duration>,
    /// What starts runs by itself.
    pub schedule: Vec<Trigger>,
    /// Its tasks.
    pub steps: Vec<Step>,
    /// Tasks of functions and extensions.
    pub parts: Vec<Part>,
    /// How many expressions it has.
    pub expressions: usize,
}

/// Tasks that are used elsewhere.
#[derive(Debug, Serialize)]
pub struct Part {
    /// What they are, such as ``function `greet` ``.
    pub title: String,
    /// The tasks.
    pub steps: Vec<Step>,
}

/// What starts runs by itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A time pattern.
    Cron(String),
    /// A period.
    Every(Duration),
    /// A pause after each run.
    After(Duration),
    /// Events.
    Events(String),
}

/// A task.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Where it stands, as a JSON pointer: the `instance` of its errors.
    pub pointer: String,
    /// The same as line and column.
    pub place: Place,
    /// In how many tasks it stands.
    pub level: usize,
    /// The index after its last inner task.
    pub end: usize,
    /// Whether it is done at all.
    pub guard: Option<Expression>,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// What it does.
    pub action: Action,
    /// What follows.
    pub then: Then,
}

/// What a task does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Calls a function.
    Call(String),
    /// Does its inner tasks one after the other.
    Do,
    /// Emits an event of a type.
    Emit(String),
    /// Does its inner tasks for each item.
    For {
        /// The variable of an item.
        each: String,
        /// What has the items; none for a list in the definition.
        over: Option<Expression>,
        /// Goes on only while this holds.
        while_: Option<Expression>,
    },
    /// Does its inner tasks at once.
    Fork {
        /// The first one that ends wins.
        compete: bool,
    },
    /// Waits for events.
    Listen(String),
    /// Fails with an error of a type.
    Raise(String),
    /// Runs another workflow.
    Run(String),
    /// Makes a value.
    Set,
    /// Goes where the first case that holds says.
    Switch(Vec<Case>),
    /// Does its inner tasks and handles what they raise.
    Try(Option<Retry>),
    /// What a `try` does about an error.
    Catch,
    /// Waits.
    Wait(Duration),
}

/// A case of a switch.
#[derive(Debug, Serialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// When it holds; none: always.
    pub when: Option<Expression>,
    /// What follows.
    pub then: Then,
}

/// How a failed `try` is tried again.
#[derive(Debug, Serialize)]
pub struct Retry {
    /// At most so many times.
    pub attempts: Option<u64>,
    /// After this time.
    pub delay: Option<Duration>,
    /// How the time grows: constant, linear, exponential.
    pub backoff: Option<String>,
    /// Only when this holds.
    pub when: Option<Expression>,
    /// Not when this holds.
    pub except_when: Option<Expression>,
}

/// A length of time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// So many milliseconds.
    FixedMs(u64),
    /// What an expression says.
    Computed(Expression),
}

/// What follows a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The next task of the list.
    Continue,
    /// What follows the list.
    Exit,
    /// The end of the workflow.
    End,
    /// The task with this index.
    Step(usize),
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
