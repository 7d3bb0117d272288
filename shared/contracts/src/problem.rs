//! What is wrong with an input: which field, what limit, what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One fault of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Path of the field, for example `input.messages[0].content`.
    pub field: String,
    /// What is wrong, with the limit that was broken.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A fault of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.message, self.remedy)
    }
}
