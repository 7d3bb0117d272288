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
    /// becomes the wildcard `*`; a missing optional one, which only the last can be
    /// (`<parameter?>`), is left out.
    #[must_use]
    pub fn subject(&self, pattern: &str, parameters: &[&str]) -> String {
        let mut parameters = parameters.iter();
        let mut subject = String::with_capacity(self.0.len() + pattern.len() + 48);
        subject.push_str(&self.0);
        for token in pattern.split('.') {
            if is_optional(token) && parameters.len() == 0 {
                break;
            }
            subject.push('.');
            subject.push_str(if token.starts_with('<') { parameters.next().copied().unwrap_or("*") } else { token });
        }
        subject
    }

    /// The subject that matches every message of `pattern`.
    #[must_use]
    pub fn wildcard(&self, pattern: &str) -> String {
        // No wildcard but `>` matches one token as well as two.
        if pattern.split('.').any(is_optional) {
            return format!("{self}.{}.>", stem(pattern));
        }
        self.subject(pattern, &[])
    }

    /// The parameters of `subject` by `pattern`, or nothing when it does not match.
    #[must_use]
    pub fn parameters<'s>(&self, pattern: &str, subject: &'s str) -> Option<Vec<&'s str>> {
        let rest = subject.strip_prefix(self.as_str())?.strip_prefix('.')?;
        let (wanted, given) = (pattern.split('.'), rest.split('.'));
        let (most, least) = (wanted.clone().count(), wanted.clone().filter(|token| !is_optional(token)).count());
        if !(least..=most).contains(&given.clone().count()) {
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

/// A pattern without its optional parameter.
#[must_use]
pub fn required(pattern: &str) -> &str {
    pattern.rsplit_once('.').filter(|(_, last)| is_optional(last)).map_or(pattern, |(required, _)| required)
}

/// The parameter names of a pattern that are always there, in order.
#[must_use]
pub fn parameter_names(pattern: &str) -> Vec<&str> {
    required(pattern).split('.').filter_map(|token| token.strip_prefix('<')?.strip_suffix('>')).collect()
}

/// Whether a token of a pattern may be missing.
fn is_optional(token: &str) -> bool {
    token.ends_with("?>")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_optional_parameter_may_be_missing() {
        let namespace: Namespace = "neptune".parse().unwrap();
        let pattern = "task.submitted.v1.<team>.<origin?>";
        assert_eq!(namespace.subject(pattern, &["support"]), "neptune.task.submitted.v1.support");
        assert_eq!(namespace.subject(pattern, &["support", "api"]), "neptune.task.submitted.v1.support.api");
        assert_eq!(namespace.wildcard(pattern), "neptune.task.submitted.v1.>");
        for (subject, wanted) in [
            ("neptune.task.submitted.v1.support", Some(vec!["support"])),
            ("neptune.task.submitted.v1.support.api", Some(vec!["support", "api"])),
            ("neptune.task.submitted.v1.support.api.x", None),
            ("neptune.task.submitted.v1", None),
        ] {
            assert_eq!(namespace.parameters(pattern, subject), wanted, "{subject}");
        }
    }
}
