//! Configuration from `NEPTUNE_*` variables, declared as tables so that `--help` cannot lie.
//!
//! The lookup is a parameter: tests never touch the environment of the process.

use std::{collections::BTreeMap, fmt, fmt::Write as _, str::FromStr};

/// A variable a program reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds without it: nothing means it is required, empty means it is optional.
    pub default: Option<&'static str>,
    /// What it is, in a line.
    pub help: &'static str,
}

/// The values of declared variables.
pub struct Values {
    values: BTreeMap<&'static str, String>,
}

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why the configuration is not usable. Names the variable, never its content.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A required variable is not set.
    #[error("{name} is not set: {help}")]
    Missing {
        /// The variable.
        name: String,
        /// What it is.
        help: String,
    },
    /// A value does not have its form.
    #[error("{name} is not valid: {reason}")]
    Invalid {
        /// The variable.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable with the program's own prefix that it does not know.
    #[error("{name} is not known; --help lists the variables")]
    Unknown {
        /// The variable.
        name: String,
    },
}

impl ConfigError {
    /// A value that has its form and cannot be used all the same.
    #[must_use]
    pub fn invalid(name: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { name: name.into(), reason: reason.into() }
    }
}

impl Values {
    /// Looks up every declared variable.
    ///
    /// # Errors
    /// A required one is not set.
    pub fn load(tables: &[&[Variable]], lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for variable in tables.iter().flat_map(|table| table.iter()) {
            let given = lookup(variable.name).filter(|value| !value.is_empty());
            let value = given.or_else(|| variable.default.map(str::to_owned));
            let missing = || ConfigError::Missing { name: variable.name.into(), help: variable.help.into() };
            values.insert(variable.name, value.ok_or_else(missing)?);
        }
        Ok(Self { values })
    }

    /// The value of a declared variable.
    ///
    /// # Errors
    /// It does not have its form, or was never declared.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, ConfigError>
    where
        T::Err: fmt::Display,
    {
        let text = self.text(name)?;
        text.parse().map_err(|error: T::Err| ConfigError::invalid(name, error.to_string()))
    }

    /// The value of a declared variable, nothing when it is empty.
    ///
    /// # Errors
    /// It does not have its form, or was never declared.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, ConfigError>
    where
        T::Err: fmt::Display,
    {
        if self.text(name)?.is_empty() { Ok(None) } else { self.get(name).map(Some) }
    }

    /// A secret.
    ///
    /// # Errors
    /// It was never declared.
    pub fn secret(&self, name: &str) -> Result<Secret, ConfigError> {
        self.text(name).map(|text| Secret(text.to_owned()))
    }

    /// A secret, nothing when it is empty.
    ///
    /// # Errors
    /// It was never declared.
    pub fn optional_secret(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        self.secret(name).map(|secret| Some(secret).filter(|secret| !secret.0.is_empty()))
    }

    fn text(&self, name: &str) -> Result<&str, ConfigError> {
        self.values.get(name).map(String::as_str).ok_or_else(|| ConfigError::Unknown { name: name.into() })
    }
}

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Refuses variables with the program's own prefix that no table declares: a misspelt limit must
/// not silently be no limit.
///
/// # Errors
/// Names the first unknown variable.
pub fn refuse_unknown(
    prefix: &str,
    tables: &[&[Variable]],
    names: impl Iterator<Item = String>,
) -> Result<(), ConfigError> {
    let known = |name: &str| tables.iter().flat_map(|table| table.iter()).any(|variable| variable.name == name);
    let mut unknown: Vec<String> = names.filter(|name| name.starts_with(prefix) && !known(name)).collect();
    unknown.sort();
    unknown.into_iter().next().map_or(Ok(()), |name| Err(ConfigError::Unknown { name }))
}

/// The text of `--help`.
#[must_use]
pub fn help(program: &str, about: &str, tables: &[&[Variable]]) -> String {
    let mut text = format!("{program}: {about}\n\nConfigured by environment variables:\n");
    for variable in tables.iter().flat_map(|table| table.iter()) {
        let default = match variable.default {
            None => "required".to_owned(),
            Some("") => "optional".to_owned(),
            Some(default) => format!("default {default}"),
        };
        // Writing to a string cannot fail.
        let _written = write!(text, "\n  {}\n      {} ({default})\n", variable.name, variable.help);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TABLE: &[Variable] = &[
        Variable { name: "NEPTUNE_X_PORT", default: Some("80"), help: "port" },
        Variable { name: "NEPTUNE_X_KEY", default: None, help: "key" },
        Variable { name: "NEPTUNE_X_URL", default: Some(""), help: "address" },
    ];

    fn load(set: &[(&str, &str)]) -> Result<Values, ConfigError> {
        let set: BTreeMap<String, String> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Values::load(&[TABLE], &|name| set.get(name).cloned())
    }

    #[test]
    fn values_come_from_the_lookup_or_the_default() {
        let values = load(&[("NEPTUNE_X_KEY", "k"), ("NEPTUNE_X_PORT", "81")]).unwrap();
        assert_eq!(values.get::<u16>("NEPTUNE_X_PORT"), Ok(81));
        assert_eq!(load(&[("NEPTUNE_X_KEY", "k")]).unwrap().get::<u16>("NEPTUNE_X_PORT"), Ok(80));
        assert_eq!(values.optional::<String>("NEPTUNE_X_URL"), Ok(None));
        assert_eq!(values.secret("NEPTUNE_X_KEY").unwrap().expose(), "k");
        assert_eq!(format!("{:?}", values.secret("NEPTUNE_X_KEY").unwrap()), "(secret)");
    }

    #[test]
    fn errors_name_the_variable_and_never_its_content() {
        assert_eq!(load(&[]).err().unwrap().to_string(), "NEPTUNE_X_KEY is not set: key");
        let values = load(&[("NEPTUNE_X_KEY", "k"), ("NEPTUNE_X_PORT", "hunter2")]).unwrap();
        let error = values.get::<u16>("NEPTUNE_X_PORT").unwrap_err().to_string();
        assert!(error.contains("NEPTUNE_X_PORT") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_misspelt_variable_is_refused() {
        let names = ["NEPTUNE_X_PROT", "NEPTUNE_Y_A", "PATH"].map(str::to_owned);
        let error = refuse_unknown("NEPTUNE_X_", &[TABLE], names.into_iter()).unwrap_err();
        assert_eq!(error, ConfigError::Unknown { name: "NEPTUNE_X_PROT".into() });
    }

    #[test]
    fn help_shows_every_variable_with_its_default() {
        let text = help("neptune-x", "does x", &[TABLE]);
        for part in ["NEPTUNE_X_PORT", "default 80", "required", "optional"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
