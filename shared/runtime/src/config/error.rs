use std::fmt::Display;

use super::Variable;

/// Why the configuration cannot be used. Its text is one line that names the variable and never quotes its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is unset or empty.
    #[error("{name} is not set ({help})")]
    Missing {
        /// The variable.
        name: String,
        /// What it is for.
        help: String,
    },
    /// The value does not have the expected form.
    #[error("{name} cannot be read ({help})")]
    Unreadable {
        /// The variable.
        name: String,
        /// What it is for.
        help: String,
    },
    /// The value has the right form but cannot be used, alone or together with another one.
    #[error("{name} cannot be used: {reason}")]
    Unusable {
        /// The variable.
        name: String,
        /// Why; never the value.
        reason: String,
    },
    /// A variable that looks like one of this service's own is not one of them.
    #[error("{name} is no variable of this service; see --help")]
    Unknown {
        /// The variable.
        name: String,
    },
    /// The code asks for a variable that is in no table: a defect of the service.
    #[error("{name} is read but not declared")]
    Undeclared {
        /// The variable.
        name: String,
    },
}

impl ConfigError {
    /// For checks a service makes itself, such as a range or a file that the variable points at. `reason` must not
    /// quote the value.
    pub fn unusable(name: &str, reason: impl Display) -> Self {
        // One line is promised, and parsers of files like to answer with several.
        let reason = reason.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self::Unusable { name: name.to_owned(), reason }
    }

    pub(super) fn missing(variable: &Variable) -> Self {
        Self::Missing { name: variable.name.to_owned(), help: variable.help.to_owned() }
    }

    pub(super) fn unreadable(variable: &Variable) -> Self {
        Self::Unreadable { name: variable.name.to_owned(), help: variable.help.to_owned() }
    }
}
