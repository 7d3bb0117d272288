//! The list of all messages.

use crate::{
    admission::{Task, TaskAdmitted},
    attempt::AttemptFailed,
    batch::{BatchDue, BatchItem, BatchState, BatchTimer},
    dead::DeadLetter,
    delivery::{DeliveryAdmitted, DeliveryAttempted, DeliveryFinished, DeliveryRequested},
    event::EventPublished,
    feedback::FeedbackGiven,
    finished::TaskFinished,
    names::Service,
    parked::{TaskParked, TaskResumed},
    plan::TaskRouted,
    run::{
        RunSubmitted,
        call::RunCall,
        changed::RunChanged,
        finished::RunFinished,
        input::RunInput,
        log::RunLogged,
        timer::{RunFired, RunTimer},
    },
    task::TaskSubmitted,
    topology::StreamName,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};

/// A message on the bus. The impl stands beside the type and is all that is needed to publish,
/// consume, document and permit it.
pub trait Message: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The subject after the namespace, with `<parameters>`.
    const SUBJECT: &'static str;
    /// The stream that stores it.
    const STREAM: StreamName;
    /// Who may publish it.
    const PRODUCERS: &'static [Service];
    /// Who reads it.
    const CONSUMERS: &'static [Service];

    /// Values of the subject's parameters, in order.
    fn parameters(&self) -> Vec<String>;

    /// Names the fact, including its attempt, so that a repeated publish is recognised and a
    /// legitimate second one is not swallowed.
    fn dedup_key(&self) -> String;

    /// Reads a body.
    ///
    /// # Errors
    /// It is not JSON, or not of this shape.
    fn decode(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// Takes over what the subject says. The subject wins over the body, because the broker
    /// checked who may publish on it.
    fn read_parameters(&mut self, _parameters: &[&str]) {}

    /// The task that the message carries from stage to stage, so that one which no handler can
    /// finish still ends in a fact.
    fn task(&self) -> Option<&Task> {
        None
    }
}

/// A message as data, for documents and permissions.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name of the Rust type.
    pub name: &'static str,
    /// The subject after the namespace.
    pub subject: &'static str,
    /// The stream that stores it.
    pub stream: StreamName,
    /// Who may publish it.
    pub producers: &'static [Service],
    /// Who reads it.
    pub consumers: &'static [Service],
    /// Its JSON Schema 2020-12.
    pub schema: fn() -> Schema,
}

const fn entry<M: Message>(name: &'static str) -> Entry {
    Entry {
        name,
        subject: M::SUBJECT,
        stream: M::STREAM,
        producers: M::PRODUCERS,
        consumers: M::CONSUMERS,
        schema: schema_of::<M>,
    }
}

fn schema_of<M: Message>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<M>()
}

/// Every message, in the order of a task's way.
pub const CATALOGUE: &[Entry] = &[
    entry::<TaskSubmitted>("TaskSubmitted"),
    entry::<TaskAdmitted>("TaskAdmitted"),
    entry::<TaskRouted>("TaskRouted"),
    entry::<TaskParked>("TaskParked"),
    entry::<TaskResumed>("TaskResumed"),
    entry::<BatchItem>("BatchItem"),
    entry::<BatchState>("BatchState"),
    entry::<BatchTimer>("BatchTimer"),
    entry::<BatchDue>("BatchDue"),
    entry::<AttemptFailed>("AttemptFailed"),
    entry::<TaskFinished>("TaskFinished"),
    entry::<FeedbackGiven>("FeedbackGiven"),
    entry::<RunSubmitted>("RunSubmitted"),
    entry::<RunLogged>("RunLogged"),
    entry::<RunInput>("RunInput"),
    entry::<RunCall>("RunCall"),
    entry::<RunTimer>("RunTimer"),
    entry::<RunFired>("RunFired"),
    entry::<RunChanged>("RunChanged"),
    entry::<RunFinished>("RunFinished"),
    entry::<EventPublished>("EventPublished"),
    entry::<DeliveryRequested>("DeliveryRequested"),
    entry::<DeliveryAdmitted>("DeliveryAdmitted"),
    entry::<DeliveryAttempted>("DeliveryAttempted"),
    entry::<DeliveryFinished>("DeliveryFinished"),
    entry::<DeadLetter>("DeadLetter"),
];
