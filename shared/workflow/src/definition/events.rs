//! Which events a task or schedule waits for.

use super::{DataFlow, Template};
use crate::expression::Expression;
use regex::Regex;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What is listened to, and how.
#[derive(Debug, Serialize)]
pub struct Listen {
    /// Which events.
    pub to: Consumption,
    /// What is made of each event.
    pub read: Read,
    /// What is done with each event.
    pub foreach: Option<Foreach>,
}

/// Tasks that are done with each event, in the order of the events.
#[derive(Debug, Serialize)]
pub struct Foreach {
    /// The variable of an event.
    pub item: String,
    /// The variable of its index, from 0.
    pub at: String,
    /// What is made of the output of the tasks.
    pub data: DataFlow,
}

/// What of an event is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// Its `data`.
    #[default]
    Data,
    /// All of it.
    Envelope,
    /// Its `data`, as it came.
    Raw,
}

/// Which events are consumed.
#[derive(Debug, Serialize)]
pub struct Consumption {
    /// The same in words.
    pub title: String,
    /// How many.
    pub mode: Mode,
    /// What an event must be; none: any event.
    pub filters: Vec<EventFilter>,
    /// Until when events are consumed; none: until there are enough.
    pub until: Option<Until>,
}

/// How many events are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One that fits the filter.
    One,
    /// One that fits any filter.
    Any,
    /// One for each filter.
    All,
}

/// When no more events are consumed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// When this holds of the list of events.
    Holds(Expression),
    /// When these came; they do not count.
    Events(Box<Consumption>),
}

/// What an event must be.
#[derive(Debug, Serialize)]
pub struct EventFilter {
    /// Attributes and what they must be.
    pub with: Vec<(String, Matcher)>,
    /// What must be the same in all events, or what is expected.
    pub correlate: Vec<Correlation>,
}

/// What an attribute must be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matcher {
    /// This text, or one that this regular expression is all of.
    Text(Pattern),
    /// What this makes of it: true, or the same; of objects the fields named.
    Value(Template),
}

/// A text that may be a regular expression.
#[derive(Debug)]
pub struct Pattern {
    /// The text.
    pub text: String,
    /// The regular expression, if it is one.
    pub regex: Option<Regex>,
}

/// A value that events must agree in.
#[derive(Debug, Serialize)]
pub struct Correlation {
    /// Its name.
    pub name: String,
    /// Where in the event it stands.
    pub from: Expression,
    /// What it must be; none: what it is in the first event.
    pub expect: Option<Template>,
}

/// What a compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 64 << 10;

impl Pattern {
    /// A text, as a pattern too if it is one. Where a dot is the only sign it is taken as it stands: types have dots.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.chars().all(|sign| sign.is_alphanumeric() || ".-_/:".contains(sign)) {
            return Self { text: text.to_owned(), regex: None };
        }
        let regex = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES).build();
        Self { text: text.to_owned(), regex: regex.ok() }
    }

    /// Whether a value is this text or fits the pattern.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        let Value::String(text) = value else { return false };
        *text == self.text || self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
