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

/// Reasons that are told one by one; of more, their number is.
const MOST_REASONS: usize = 10;

/// Reasons in one line, one for each of some `things`: the first ten, and how many others there are.
#[must_use]
pub fn shortlist(reasons: &[String], things: &str) -> String {
    let told = reasons.iter().take(MOST_REASONS).map(String::as_str).collect::<Vec<_>>().join("; ");
    match reasons.len().saturating_sub(MOST_REASONS) {
        0 => told,
        others => format!("{told}; and {others} other {things}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_reasons_are_told_and_the_others_counted() {
        let reasons = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
        assert_eq!(shortlist(&reasons(0), "models"), "");
        assert_eq!(shortlist(&reasons(10), "models"), "0; 1; 2; 3; 4; 5; 6; 7; 8; 9");
        assert_eq!(shortlist(&reasons(12), "models"), "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 2 other models");
    }
}
