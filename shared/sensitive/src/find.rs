//! Looking for sensitive data in a text.

use crate::{
    Kind,
    patterns::{PATTERNS, Pattern},
};
use regex::Regex;
use std::sync::LazyLock;

/// The most that a pattern may take when compiled, in bytes.
const PATTERN_BYTES: usize = 8 << 20;

/// Sensitive data in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// The patterns with their regular expressions; a test sees that all of them are some.
pub(crate) static COMPILED: LazyLock<Vec<(&'static Pattern, Regex)>> = LazyLock::new(|| {
    let compiled = |pattern: &'static Pattern| {
        let regex = regex::RegexBuilder::new(pattern.regex).size_limit(PATTERN_BYTES).build();
        Some((pattern, regex.ok()?))
    };
    PATTERNS.iter().filter_map(compiled).collect()
});

/// The sensitive data of a text, in its order. No two overlap.
#[must_use]
pub fn find(text: &str) -> Vec<Found> {
    let lower = text.to_ascii_lowercase();
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_worth = |pattern: &Pattern| match pattern.marks {
        [] => has_digit,
        marks => marks.iter().any(|mark| lower.contains(mark)),
    };
    let mut found: Vec<Found> = Vec::new();
    for (pattern, regex) in COMPILED.iter().filter(|(pattern, _)| is_worth(pattern)) {
        for captures in regex.captures_iter(text) {
            let Some(data) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            if is_taken_out(data.as_str()) {
                continue;
            }
            let Some(data) = checked(pattern, data.as_str()) else { continue };
            let start = captures.get(1).or_else(|| captures.get(0)).map_or(0, |data| data.start());
            found.push(Found { kind: pattern.kind, start, end: start + data });
        }
    }
    found.sort_by_key(|one| (one.kind, one.start));
    let mut apart: Vec<Found> = Vec::with_capacity(found.len());
    for one in found {
        if apart.iter().all(|other| one.end <= other.start || other.end <= one.start) {
            apart.push(one);
        }
    }
    apart.sort_by_key(|one| one.start);
    apart
}

/// Whether a text is what stands in place of data.
fn is_taken_out(data: &str) -> bool {
    let mark = data.strip_prefix('[');
    mark.is_some_and(|mark| Kind::ALL.iter().any(|kind| mark.starts_with(kind.as_str())))
}

/// How much of a text is data of a pattern, in bytes; nothing when it is none.
fn checked(pattern: &Pattern, data: &str) -> Option<usize> {
    if (pattern.check)(data) {
        return Some(data.len());
    }
    if !pattern.may_shrink {
        return None;
    }
    // Words behind it may look like its end.
    let ends = data.char_indices().filter(|(_, character)| !character.is_ascii_alphanumeric()).map(|(at, _)| at);
    ends.collect::<Vec<_>>().into_iter().rev().find(|end| data.get(..*end).is_some_and(pattern.check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }
}
