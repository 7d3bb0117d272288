//! Subjects: the namespace, the pattern of a message, and its parameters.

use crate::names::{InvalidName, is_name};
use std::{fmt, str::FromStr, sync::Arc};

/// The first token of every subject. One broker carries many namespaces side by side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The namespace as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subject of `pattern` with each `<parameter>` replaced in order. A missing parameter
    /// becomes the wildcard `*`.
    #[must_use]
    pub fn subject(&self, pattern: &str, parameters: &[&str]) -> String {
        let mut parameters = parameters.iter();
        let mut subject = String::with_capacity(self.0.len() + pattern.len() + 48);
        subject.push_str(&self.0);
        for token in pattern.split('.') {
            subject.push('.');
            subject.push_str(if token.starts_with('<') { parameters.next().copied().unwrap_or("*") } else { token });
        }
        subject
    }

    /// The subject that matches every message of `pattern`.
    #[must_use]
    pub fn wildcard(&self, pattern: &str) -> String {
        self.subject(pattern, &[])
    }

    /// The parameters of `subject` by `pattern`, or nothing when it does not match.
    #[must_use]
    pub fn parameters<'s>(&self, pattern: &str, subject: &'s str) -> Option<Vec<&'s str>> {
        let rest = subject.strip_prefix(self.as_str())?.strip_prefix('.')?;
        let (wanted, given) = (pattern.split('.'), rest.split('.'));
        if wanted.clone().count() != given.clone().count() {
            return None;
        }
        let mut parameters = Vec::new();
        for (want, got) in wanted.zip(given) {
            if want.starts_with('<') {
                parameters.push(got);
            } else if want != got {
                return None;
            }
        }
        Some(parameters)
    }

    /// A broker-side name (stream, bucket) of this namespace: `NEPTUNE_TASKS`.
    #[must_use]
    pub fn resource(&self, name: &str) -> String {
        format!("{}_{name}", self.0.to_ascii_uppercase())
    }
}

impl FromStr for Namespace {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of a pattern before its first parameter, without the trailing dot: the CloudEvents type.
#[must_use]
pub fn stem(pattern: &str) -> &str {
    pattern.find(".<").and_then(|end| pattern.get(..end)).unwrap_or(pattern)
}

/// The parameter names of a pattern, in order.
#[must_use]
pub fn parameter_names(pattern: &str) -> Vec<&str> {
    pattern.split('.').filter_map(|token| token.strip_prefix('<')?.strip_suffix('>')).collect()
}
