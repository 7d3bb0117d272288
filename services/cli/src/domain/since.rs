//! The start of a period: a time, or how long ago.

use neptune_contracts::Timestamp;

/// Reads `2026-11-23T09:50:00Z`, `90m`, `24h` or `7d`, seen from `now`.
///
/// # Errors
/// It is neither; the message says what is.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let remedy = || {
        let usual = "write RFC 3339 (2026-11-23T09:50:00Z) or how long ago (90m, 24h, 7d)";
        match text.strip_prefix('-').filter(|ago| ago.starts_with(|first: char| first.is_ascii_digit())) {
            Some(ago) => format!("{text:?} is no time: how long ago has no sign, so write {ago}; {usual}"),
            None => format!("{text:?} is no time; {usual}"),
        }
    };
    if let Ok(time) = serde_json::from_value(serde_json::Value::String(text.to_owned())) {
        return Ok(time);
    }
    let unit = text.chars().last().ok_or_else(remedy)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(remedy()),
    };
    let count: i64 =
        text.strip_suffix(unit).and_then(|count| count.parse().ok()).filter(|count| *count >= 0).ok_or_else(remedy)?;
    count.checked_mul(seconds * 1_000).map(|millis| now.plus_millis(-millis)).ok_or_else(remedy)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_and_durations_are_read() {
        let now = parse("2026-11-23T12:00:00Z", Timestamp::from_unix_micros(0).unwrap()).unwrap();
        for (text, expected) in [
            ("90s", "2026-11-23T11:58:30Z"),
            ("90m", "2026-11-23T10:30:00Z"),
            ("24h", "2026-11-22T12:00:00Z"),
            ("7d", "2026-11-16T12:00:00Z"),
            ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00Z"),
        ] {
            assert_eq!(parse(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "h", "yesterday", "-1h", "1w", "9999999999999999d"] {
            assert!(parse(text, now).unwrap_err().contains("RFC 3339"), "{text}");
        }
        assert!(parse("-1d", now).unwrap_err().contains("write 1d;"));
    }
}
