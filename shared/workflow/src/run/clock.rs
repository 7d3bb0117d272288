//! Times as expressions, events and people have them.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A time in RFC 3339, from milliseconds since 1970.
#[must_use]
pub fn rfc3339(at_ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// A time as `$workflow.startedAt` and `$task.startedAt` have it.
#[must_use]
pub fn descriptor(at_ms: u64) -> Value {
    json!({"iso8601": rfc3339(at_ms), "epoch": {"seconds": at_ms / 1_000, "milliseconds": at_ms}})
}

/// A length of time in seconds, for people: `2 s`, `0.25 s`.
#[must_use]
pub fn seconds(length_ms: u64) -> String {
    let (whole, rest) = (length_ms / 1_000, length_ms % 1_000);
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:03}").trim_end_matches('0').to_owned() };
    format!("{whole}{fraction} s")
}
