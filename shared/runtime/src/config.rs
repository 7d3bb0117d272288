//! Configuration from environment variables, declared in tables so that reading, `--help` and the check for
//! misspelt names can never disagree.
//!
//! The lookup is a parameter, so tests never touch the process environment. An empty variable equals an unset one.

mod error;
mod secret;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use error::ConfigError;
pub use secret::Secret;

/// Variables that tell *other* processes where a service is or how to trust it. An operator's shell often has them
/// set for everything it starts, so the service they name must not refuse them as misspelt.
const ABOUT_A_SERVICE: &[&str] = &["NEPTUNE_SIMULATOR_URL", "NEPTUNE_SINK_URL", "NEPTUNE_GOVERNANCE_PUBLIC_KEY"];

/// One variable a process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name in the environment: `NEPTUNE_<SERVICE>_<WHAT>_<UNIT>`.
    pub name: &'static str,
    /// `None`: required. `Some("")`: optional. Anything else is used when the variable is unset.
    pub default: Option<&'static str>,
    /// One line for `--help`; also quoted when the value cannot be read.
    pub help: &'static str,
}

/// The values of all declared variables. It has no `Debug`, because some of them are secrets.
#[derive(Clone)]
pub struct Values {
    entries: BTreeMap<&'static str, Entry>,
}

#[derive(Clone)]
struct Entry {
    variable: Variable,
    given: Option<String>,
}

impl Values {
    /// Looks every variable of `tables` up once. Whether they can be read is decided by the getters.
    pub fn load(tables: &[&[Variable]], lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let entries = tables
            .iter()
            .flat_map(|table| table.iter())
            .map(|variable| {
                let given = lookup(variable.name).filter(|value| !value.trim().is_empty());
                (variable.name, Entry { variable: *variable, given })
            })
            .collect();
        Self { entries }
    }

    /// The value, or its default.
    ///
    /// # Errors
    /// The variable is required and unset, cannot be read as a `T`, or is in no table.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        let entry = self.entry(name)?;
        let value = entry.value().ok_or_else(|| ConfigError::missing(&entry.variable))?;
        parse(&entry.variable, value)
    }

    /// The value or its default; `None` when there is neither.
    ///
    /// # Errors
    /// The value cannot be read as a `T`, or the variable is in no table.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let entry = self.entry(name)?;
        let value = entry.value().filter(|value| !value.is_empty());
        value.map(|value| parse(&entry.variable, value)).transpose()
    }

    /// A value that must never be printed.
    ///
    /// # Errors
    /// The variable is unset, or is in no table.
    pub fn secret(&self, name: &str) -> Result<Secret, ConfigError> {
        let entry = self.entry(name)?;
        self.optional_secret(name)?.ok_or_else(|| ConfigError::missing(&entry.variable))
    }

    /// A value that must never be printed; `None` when it is unset.
    ///
    /// # Errors
    /// The variable is in no table.
    pub fn optional_secret(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let value = self.entry(name)?.value().filter(|value| !value.is_empty());
        Ok(value.map(Secret::new))
    }

    fn entry(&self, name: &str) -> Result<&Entry, ConfigError> {
        self.entries.get(name).ok_or_else(|| ConfigError::Undeclared { name: name.to_owned() })
    }
}

impl Entry {
    fn value(&self) -> Option<&str> {
        self.given.as_deref().or(self.variable.default)
    }
}

fn parse<T: FromStr>(variable: &Variable, value: &str) -> Result<T, ConfigError> {
    // The parser's own message often quotes its input, so it is dropped.
    value.trim().parse().map_err(|_| ConfigError::unreadable(variable))
}

/// The first of `names` that looks like a variable of `service` but is in none of its `tables`: a misspelt name would
/// otherwise be ignored in silence.
///
/// # Errors
/// [`ConfigError::Unknown`] names the variable.
pub fn refuse_unknown(
    service: &str,
    tables: &[&[Variable]],
    names: impl IntoIterator<Item = String>,
) -> Result<(), ConfigError> {
    let prefix = format!("NEPTUNE_{}_", service.to_uppercase().replace('-', "_"));
    let declared = |name: &str| tables.iter().any(|table| table.iter().any(|variable| variable.name == name));
    let unknown = names
        .into_iter()
        .filter(|name| name.starts_with(&prefix) && !ABOUT_A_SERVICE.contains(&name.as_str()))
        .find(|name| !declared(name));
    unknown.map_or(Ok(()), |name| Err(ConfigError::Unknown { name }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
