//! A workflow, read and resolved: what a run follows. Tasks stand in one flat list, each with the index
//! after its last inner task; jumps are indices, expressions and schemas are compiled.

mod data;
mod events;
mod retry;
mod settings;
mod template;

use crate::{expression::Expression, fault::Place, schedule::Cron};
pub use data::{DataFlow, SCHEMA_BYTES, Schema};
pub use events::{Consumption, Correlation, EventFilter, Foreach, Listen, Matcher, Mode, Pattern, Read, Until};
pub use retry::{Backoff, Catch, Retry};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
pub use settings::{Concurrency, Delivery, OnConflict, OnError, Settings, StepSettings};
pub use template::Template;

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
    /// What is made of its input and output.
    pub data: DataFlow,
    /// How long a run may take.
    pub limit: Option<Duration>,
    /// What starts runs by itself.
    pub schedule: Vec<Trigger>,
    /// What of an event that starts a run is its input.
    pub schedule_read: Read,
    /// Its tasks.
    pub steps: Vec<Step>,
    /// Tasks of functions and extensions; functions first, in the order of the document.
    pub parts: Vec<Part>,
    /// How many of these are functions.
    pub functions: usize,
    /// Tasks that are put around others.
    pub extensions: Vec<Extension>,
    /// Names of secrets it may use.
    pub secrets: Vec<String>,
    /// What its metadata says.
    pub settings: Settings,
    /// How many expressions it has.
    pub expressions: usize,
    /// The document as JSON.
    #[serde(skip)]
    pub document: Value,
}

/// Tasks that are used elsewhere.
#[derive(Debug, Serialize)]
pub struct Part {
    /// What they are, such as ``function `greet` ``.
    pub title: String,
    /// The tasks.
    pub steps: Vec<Step>,
}

/// Tasks that are put around others.
#[derive(Debug, Serialize)]
pub struct Extension {
    /// The kind of tasks, as the language calls it; `all` for all.
    pub extend: String,
    /// Only when this holds.
    pub when: Option<Expression>,
    /// The index of the part that is done before.
    pub before: Option<usize>,
    /// The index of the part that is done after.
    pub after: Option<usize>,
}

/// What starts runs by itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A time pattern.
    Cron(Cron),
    /// A period.
    Every(Duration),
    /// A pause after each run.
    After(Duration),
    /// Events.
    Events(Consumption),
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
    /// What is made of its input and output.
    pub data: DataFlow,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// What it does.
    pub action: Action,
    /// What its metadata says.
    pub settings: StepSettings,
    /// What follows.
    pub then: Then,
}

/// What a task does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Calls a function.
    Call {
        /// Which.
        function: Function,
        /// The same as it is written.
        title: String,
        /// Its arguments.
        with: Option<Template>,
    },
    /// Does its inner tasks one after the other.
    Do,
    /// Emits an event.
    Emit {
        /// Its type, as it is written.
        title: String,
        /// Its attributes.
        event: Template,
    },
    /// Does its inner tasks for each item.
    For {
        /// The variable of an item.
        each: String,
        /// The variable of its index, from 0.
        at: String,
        /// What has the items.
        over: Template,
        /// Goes on only while this holds.
        while_: Option<Expression>,
    },
    /// Does its inner tasks at once.
    Fork {
        /// The first one that ends wins.
        compete: bool,
    },
    /// Waits for events; inner tasks are done with each.
    Listen(Box<Listen>),
    /// Fails with an error.
    Raise {
        /// Its name or type, as it is written.
        title: String,
        /// Its properties.
        error: Template,
    },
    /// Runs another workflow.
    Run {
        /// Which.
        workflow: Reference,
        /// Its input; none: the task's.
        input: Option<Template>,
        /// Whether its end is waited for.
        is_awaited: bool,
    },
    /// Makes a value.
    Set(Template),
    /// Goes where the first case that holds says.
    Switch(Vec<Case>),
    /// Does its inner tasks and handles what they raise.
    Try {
        /// The index of what it does about errors.
        catch: usize,
    },
    /// What a `try` does about an error.
    Catch(Box<Catch>),
    /// Waits.
    Wait(Duration),
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// An HTTP endpoint.
    Http,
    /// An operation that an OpenAPI document describes.
    Openapi,
    /// A task below `use.functions`, as the index of its part.
    Own(usize),
    /// A function of Neptune.
    Builtin(Builtin),
    /// A function of another catalogue, as it is written.
    Remote(String),
    /// A workflow.
    Workflow(Reference),
}

/// A function of Neptune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Builtin {
    /// Asks a model.
    #[serde(rename = "model")]
    Model,
    /// Tells somebody.
    #[serde(rename = "notify")]
    Notify,
    /// Asks a person for a decision.
    #[serde(rename = "approval")]
    Approval,
    /// Takes sensitive data out of a value.
    #[serde(rename = "governance.redact")]
    Redact,
    /// Says how good an answer was.
    #[serde(rename = "feedback")]
    Feedback,
}

/// A workflow that is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl Definition {
    /// The tasks of a part: 0 for the workflow's own, else those of the part before that index.
    #[must_use]
    pub fn list(&self, part: usize) -> &[Step] {
        match part.checked_sub(1) {
            None => &self.steps,
            Some(index) => self.parts.get(index).map_or(&[], |part| &part.steps),
        }
    }
}

impl Builtin {
    /// Every function.
    pub const ALL: [Self; 5] = [Self::Model, Self::Notify, Self::Approval, Self::Redact, Self::Feedback];

    /// Its name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Notify => "notify",
            Self::Approval => "approval",
            Self::Redact => "governance.redact",
            Self::Feedback => "feedback",
        }
    }

    /// The function with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl Action {
    /// The kind of task, as extensions name it; what a `try` does about errors is none of these.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Do | Self::Fork { .. } => "composite",
            Self::Emit { .. } => "emit",
            Self::For { .. } => "for",
            Self::Listen(_) => "listen",
            Self::Raise { .. } => "raise",
            Self::Run { .. } => "run",
            Self::Set(_) => "set",
            Self::Switch(_) => "switch",
            Self::Try { .. } => "try",
            Self::Catch(_) => "catch",
            Self::Wait(_) => "wait",
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{} {}", self.namespace, self.name, self.version)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
