//! When a provider asks to be left alone until.

use neptune_contracts::Timestamp;
use std::time::Duration;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// A provider that asks for more is taken to mean a day.
const LONGEST_MS: u64 = 24 * 3_600 * 1_000;

/// Milliseconds to wait from `now`, by the headers `retry-after-ms` (a number) and else
/// `retry-after` (seconds, or an HTTP date). Nothing when they are absent or not readable.
#[must_use]
pub fn wait_ms(retry_after_ms: Option<&str>, retry_after: Option<&str>, now: Timestamp) -> Option<u64> {
    let millis = || seconds(retry_after_ms?, 1_000.0);
    let others = || {
        let text = retry_after?;
        seconds(text, 1.0).or_else(|| until(text, now))
    };
    millis().or_else(others).map(|wait| wait.min(LONGEST_MS))
}

/// The milliseconds of a number of which `per_second` make a second, rounded up.
fn seconds(text: &str, per_second: f64) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    let wait = Duration::try_from_secs_f64(number / per_second).ok()?;
    u64::try_from(wait.as_micros().div_ceil(1_000)).ok()
}

fn until(date: &str, now: Timestamp) -> Option<u64> {
    let at = OffsetDateTime::parse(date.trim(), &Rfc2822).ok()?;
    Some(Timestamp::from(at).micros_since(now).div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_forms_are_read_and_junk_is_ignored() {
        // Sun, 06 Nov 1994 08:49:30 GMT.
        let now = Timestamp::from_unix_micros(784_111_770_000_000).unwrap();
        for (millis, other, wanted) in [
            (None, None, None),
            (None, Some("2"), Some(2_000)),
            (None, Some(" 1.5 "), Some(1_500)),
            (Some("120.5"), Some("9"), Some(121)),
            (Some("junk"), Some("9"), Some(9_000)),
            (None, Some("junk"), None),
            (None, Some("-3"), None),
            (None, Some("NaN"), None),
            (None, Some("1e300"), None),
            (None, Some("999999999"), Some(LONGEST_MS)),
            (None, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7_000)),
            (None, Some("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0)),
        ] {
            assert_eq!(wait_ms(millis, other, now), wanted, "{millis:?} {other:?}");
        }
    }
}
