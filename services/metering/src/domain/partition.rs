//! The ledger's partitions: one a month. The ledger is split by its UUID v7 keys, whose first 48
//! bits are the time, so the primary key holds over all partitions and each partition is a month.

use time::{Date, Month, OffsetDateTime};
use uuid::Uuid;

/// One partition: keys from `from` up to and without `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The table's name.
    pub name: String,
    /// The first key.
    pub from: Uuid,
    /// The first key of the next month.
    pub to: Uuid,
}

/// The partition of the month `now` lies in, and those of the `ahead` months after it. None beyond
/// the calendar.
#[must_use]
pub fn partitions(now: OffsetDateTime, ahead: usize) -> Vec<Partition> {
    let first = now.date().replace_day(1).ok();
    let months = std::iter::successors(first, |month| next_month(*month));
    let bounds: Vec<Date> = months.take(ahead + 2).collect();
    bounds.iter().zip(bounds.iter().skip(1)).filter_map(|(from, to)| partition(*from, *to)).collect()
}

fn partition(from: Date, to: Date) -> Option<Partition> {
    let name = format!("ledger_entry_y{:04}m{:02}", from.year(), u8::from(from.month()));
    Some(Partition { name, from: floor(from)?, to: floor(to)? })
}

fn next_month(month: Date) -> Option<Date> {
    let year = if month.month() == Month::December { month.year() + 1 } else { month.year() };
    Date::from_calendar_date(year, month.month().next(), 1).ok()
}

/// The least UUID whose time is the start of `day`.
fn floor(day: Date) -> Option<Uuid> {
    let millis = u128::try_from(day.midnight().assume_utc().unix_timestamp()).ok()? * 1_000;
    Some(Uuid::from_u128(millis << 80))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    #[test]
    fn december_is_followed_by_january() {
        let found = partitions(datetime!(2026-12-31 23:59:59 UTC), 1);
        let names: Vec<&str> = found.iter().map(|partition| partition.name.as_str()).collect();
        assert_eq!(names, ["ledger_entry_y2026m12", "ledger_entry_y2027m01"]);
        assert_eq!(found[0].from.to_string(), "01a22ee6-b000-0000-0000-000000000000");
    }

    proptest! {
        #[test]
        fn partitions_join_without_gap_and_hold_the_keys_of_now(seconds in 0_i64..4_000_000_000) {
            let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let found = partitions(now, 2);
            prop_assert_eq!(found.len(), 3);
            prop_assert!(found.windows(2).all(|pair| pair[0].to == pair[1].from));
            let at = uuid::Timestamp::from_unix(uuid::NoContext, u64::try_from(seconds).unwrap(), 999_999_999);
            let key = Uuid::new_v7(at);
            prop_assert!(found[0].from <= key && key < found[0].to);
        }
    }
}
