//! Budget periods: the period is part of the key, so a new period is a new key and nothing has to
//! be reset.

use neptune_contracts::{Timestamp, resource::Period};
use time::Date;

/// The name of the period that `at` lies in: `2026-11` or `2026-11-23`.
#[must_use]
pub fn name(period: Period, at: Timestamp) -> String {
    let date = at.as_offset_date_time().date();
    let month = format!("{:04}-{:02}", date.year(), u8::from(date.month()));
    match period {
        Period::Day => format!("{month}-{:02}", date.day()),
        Period::Month => month,
    }
}

/// When the period that `at` lies in started.
#[must_use]
pub fn start(period: Period, at: Timestamp) -> Timestamp {
    let date = at.as_offset_date_time().date();
    let first = match period {
        Period::Day => Some(date),
        Period::Month => date.replace_day(1).ok(),
    };
    first.map_or(at, |date| Timestamp::from(date.midnight().assume_utc()))
}

/// When the period after that of `at` starts.
#[must_use]
pub fn next_start(period: Period, at: Timestamp) -> Timestamp {
    let date = at.as_offset_date_time().date();
    let next = match period {
        Period::Day => date.next_day(),
        Period::Month => {
            let month = date.month().next();
            let year = date.year() + i32::from(month == time::Month::January);
            Date::from_calendar_date(year, month, 1).ok()
        }
    };
    next.map_or(at, |date| Timestamp::from(date.midnight().assume_utc()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(period: Period, at: &str, expected: &str, next: &str) {
        let at: Timestamp = serde_json::from_value(at.into()).unwrap();
        assert_eq!(name(period, at), expected);
        assert_eq!(next_start(period, at).to_string(), next);
        let first = start(period, at);
        assert_eq!(
            (name(period, first), next_start(period, first).to_string()),
            (expected.to_owned(), next.to_owned())
        );
        assert_ne!(name(period, first.plus_millis(-1)), expected, "it is the first moment");
    }

    #[test]
    fn periods_are_named_and_end_in_utc() {
        check(Period::Day, "2026-11-23T09:50:00Z", "2026-11-23", "2026-11-24T00:00:00Z");
        check(Period::Day, "2026-12-31T23:59:59.999999Z", "2026-12-31", "2027-01-01T00:00:00Z");
        check(Period::Day, "2028-02-28T12:00:00Z", "2028-02-28", "2028-02-29T00:00:00Z");
        check(Period::Month, "2026-11-23T09:50:00Z", "2026-11", "2026-12-01T00:00:00Z");
        check(Period::Month, "2026-12-31T23:59:59Z", "2026-12", "2027-01-01T00:00:00Z");
    }

    #[test]
    fn the_zone_of_a_time_does_not_matter() {
        check(Period::Day, "2026-11-24T01:00:00+02:00", "2026-11-23", "2026-11-24T00:00:00Z");
    }
}
