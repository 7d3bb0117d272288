//! Budget periods: the period is part of the key, so a reset is a new key.

use neptune_contracts::{Timestamp, resource::Period};

/// The period's name at `now`: `2026-11` or `2026-11-23`.
#[must_use]
pub fn period(period: Period, now: Timestamp) -> String {
    let date = now.to_string();
    let length = match period {
        Period::Day => 10,
        Period::Month => 7,
    };
    date.get(..length).unwrap_or(&date).to_owned()
}

/// When the period ends, in words.
#[must_use]
pub const fn resets(period: Period) -> &'static str {
    match period {
        Period::Day => "at midnight UTC",
        Period::Month => "on the first of next month, UTC",
    }
}
