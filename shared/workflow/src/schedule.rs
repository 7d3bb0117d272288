//! When runs start by themselves: the five fields of cron, and periods. Cron counts in UTC or in a time zone, periods
//! are the same everywhere.
//!
//! A start has a slot, its time. Slots follow from the definition alone, so whoever counts them, and however often
//! it is started anew, counts the same; a run named after its slot is therefore begun once.

mod zone;

use crate::definition::{Definition, Duration, Trigger};
use serde::{Serialize, Serializer};
use time::{Date, OffsetDateTime, UtcOffset};
use zone::ClockMs;
pub use zone::Zone;

/// A field: its name, its least and greatest number, and names that stand for numbers.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

const MINUTE_MS: i64 = 60_000;
/// The hours of a day, as bits.
const EVERY_HOUR: u64 = (1 << 24) - 1;
/// How many days are looked through for a day that fits: 29 February comes again within eight years.
const DAYS: u32 = 8 * 366;

/// A time pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// For each field the numbers that fit, as bits.
    fields: [u64; 5],
    /// Whose clocks it means; none: UTC.
    zone: Option<Zone>,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let parts: [&str; 5] = parts.try_into().map_err(|parts: Vec<&str>| {
            let names: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
            format!("a cron pattern has five fields ({}), not {}", names.join(", "), parts.len())
        })?;
        let mut fields = [0; 5];
        for ((bits, field), part) in fields.iter_mut().zip(&FIELDS).zip(parts) {
            let (name, least, most, _) = field;
            for item in part.split(',') {
                *bits |= item_bits(item, field).ok_or_else(|| {
                    format!("`{part}` is no {name}: it is * or numbers from {least} to {most}, such as 1,3-5 or */2")
                })?;
            }
        }
        Ok(Self { text: text.to_owned(), fields, zone: None })
    }

    /// The same by the clocks of a time zone.
    #[must_use]
    pub fn in_zone(self, zone: Option<Zone>) -> Self {
        Self { zone, ..self }
    }

    /// Whose clocks it means; none: UTC.
    #[must_use]
    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first time after `since_ms` that fits, in milliseconds since 1970; none if no day ever does.
    ///
    /// In a time zone, a time that clocks leave out is made up for as soon as they go on, and one that they show twice
    /// is the first of both. Where every hour fits, neither is wanted: the pattern is a period.
    #[must_use]
    pub fn next_ms(&self, since_ms: u64) -> Option<u64> {
        let is_period = self.fields.get(1) == Some(&EVERY_HOUR);
        match &self.zone {
            Some(zone) => zone.next_ms(since_ms, is_period, |shown| self.next_shown(shown)),
            None => self.next_shown(i64::try_from(since_ms).ok()?).and_then(|next| u64::try_from(next).ok()),
        }
    }

    /// The first time after `shown` that fits, by clocks that are never changed.
    fn next_shown(&self, shown: ClockMs) -> Option<ClockMs> {
        let first_ms = (shown.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
        let first = OffsetDateTime::from_unix_timestamp(first_ms / 1_000).ok()?;
        let (mut day, mut from) = (first.date(), u32::from(first.hour()) * 60 + u32::from(first.minute()));
        for _ in 0..DAYS {
            if self.fits_day(day)
                && let Some(minute) =
                    (from..24 * 60).find(|minute| self.has(1, minute / 60) && self.has(0, minute % 60))
            {
                let midnight = day.midnight().assume_offset(UtcOffset::UTC).unix_timestamp();
                return Some(midnight * 1_000 + i64::from(minute) * MINUTE_MS);
            }
            (day, from) = (day.next_day()?, 0);
        }
        None
    }

    fn has(&self, field: usize, number: u32) -> bool {
        self.fields.get(field).is_some_and(|bits| bits >> number & 1 == 1)
    }

    /// Where both the day of the month and that of the week are said, one of them is enough.
    fn fits_day(&self, day: Date) -> bool {
        let weekday = u32::from(day.weekday().number_days_from_sunday());
        let fits_weekday = self.has(4, weekday) || (weekday == 0 && self.has(4, 7));
        let fits_day = self.has(2, u32::from(day.day()));
        let is_any = |index: usize| self.text.split_whitespace().nth(index).is_some_and(|part| part.starts_with('*'));
        let fits = if is_any(2) || is_any(4) { fits_day && fits_weekday } else { fits_day || fits_weekday };
        fits && self.has(3, u32::from(u8::from(day.month())))
    }
}

/// The numbers of `*`, a number or a range, with or without a step.
fn item_bits(item: &str, field: &Field) -> Option<u64> {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let (_, least, most, _) = *field;
    let step: u32 = step.map_or(Some(1), |step| step.parse().ok()).filter(|step| *step > 0)?;
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (number(from, field)?, number(to, field)?),
        None if range == "*" => (least, most),
        // A number with a step goes on from there.
        None if item.contains('/') => (number(range, field)?, most),
        None => (number(range, field)?, number(range, field)?),
    };
    let step = usize::try_from(step).ok()?;
    (from <= to).then(|| (from..=to).step_by(step).fold(0, |bits, number| bits | 1_u64 << number))
}

fn number(text: &str, (_, least, most, names): &Field) -> Option<u32> {
    let named = names.iter().position(|name| text.eq_ignore_ascii_case(name)).and_then(|at| u32::try_from(at).ok());
    named.map(|at| at + least).or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(&number))
}

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Trigger {
    /// The first slot after `since_ms`, in milliseconds since 1970; for a pause after each run `since_ms` is the end
    /// of the last one. None for events, and for lengths of time that an expression says.
    #[must_use]
    pub fn next_ms(&self, since_ms: u64) -> Option<u64> {
        match self {
            Self::Cron(cron) => cron.next_ms(since_ms),
            Self::Every(Duration::FixedMs(period_ms)) if *period_ms > 0 => {
                Some((since_ms / period_ms + 1).saturating_mul(*period_ms))
            }
            Self::After(Duration::FixedMs(pause_ms)) => Some(since_ms.saturating_add(*pause_ms)),
            Self::Every(_) | Self::After(_) | Self::Events(_) => None,
        }
    }
}

impl Definition {
    /// The name of the run that a slot starts: the same for whoever starts it.
    #[must_use]
    pub fn scheduled_run(&self, slot_ms: u64) -> String {
        format!("{}/{}:{}@{slot_ms}", self.namespace, self.name, self.version)
    }
}
