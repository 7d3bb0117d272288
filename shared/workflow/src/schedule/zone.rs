//! Time zones of schedules, by their IANA names.
//!
//! The database comes with the program and not from the machine: all executors of a version count the same slots,
//! also where a container has none.

use crate::fault::nearest;
use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

/// How often clocks may be changed between two slots: twice a year in the eight years within which 29 February
/// comes again, and four times a year in Morocco.
const CHANGES: usize = 64;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    rules: TimeZone,
    name: String,
}

/// What clocks show, in milliseconds since they showed the beginning of 1970.
pub(super) type ClockMs = i64;

/// Clocks that are changed.
struct Change {
    /// From then on, in milliseconds since 1970.
    at_ms: i64,
    /// What they are ahead of UTC before, in milliseconds.
    before_ms: i64,
    /// The same after.
    after_ms: i64,
}

impl Zone {
    /// The zone with a name such as `Europe/Berlin`, in whatever case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok().filter(|rules| !rules.is_unknown())?;
        let name = rules.iana_name()?.to_owned();
        Some(Self { rules, name })
    }

    /// The name that was probably meant.
    #[must_use]
    pub fn near(name: &str) -> Option<String> {
        let database = TimeZoneDatabase::bundled();
        let known: Vec<String> = database.available().map(|known| known.to_string()).collect();
        // A city alone is often written, with a space for its underscore.
        let city = name.trim().replace(' ', "_");
        let of_city = known
            .iter()
            .find(|known| known.rsplit_once('/').is_some_and(|(_, of_zone)| of_zone.eq_ignore_ascii_case(&city)));
        of_city.cloned().or_else(|| nearest(&city, known.iter().map(String::as_str)).map(str::to_owned))
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first time after `since_ms` at which clocks show what fits, in milliseconds since 1970.
    ///
    /// `next` is the first of all that clocks could ever show after a given one. What clocks leave out stands for
    /// the moment at which they do, and what they show twice counts when they show it first. A period (`is_period`)
    /// goes on through both instead: nothing is made up for, and what comes twice counts twice.
    pub(super) fn next_ms(
        &self,
        since_ms: u64,
        is_period: bool,
        next: impl Fn(ClockMs) -> Option<ClockMs>,
    ) -> Option<u64> {
        let since_ms = i64::try_from(since_ms).ok()?;
        let offset_ms = self.offset_ms(since_ms)?;
        let mut shown = self.shown_ms(since_ms, is_period)?;
        let mut change = self.change_after(since_ms);
        let mut found_ms = next(shown)? - offset_ms;
        for _ in 0..CHANGES {
            let Some(Change { at_ms, before_ms, after_ms }) = change.filter(|change| change.at_ms <= found_ms) else {
                return u64::try_from(found_ms).ok();
            };
            let fits = found_ms + before_ms;
            let is_left_out = (at_ms + before_ms..at_ms + after_ms).contains(&fits);
            if is_left_out && !is_period {
                return u64::try_from(at_ms).ok();
            }
            shown = if is_period { at_ms + after_ms - 1 } else { fits - 1 };
            found_ms = next(shown)? - after_ms;
            change = self.change_after(at_ms);
        }
        None
    }

    /// What clocks show then; where they show it for the second time and that does not count, the last of what does
    /// not.
    fn shown_ms(&self, at_ms: i64, is_period: bool) -> Option<ClockMs> {
        let shown = at_ms + self.offset_ms(at_ms)?;
        // The transition may be the very moment.
        let last = timestamp(at_ms + 1).and_then(|next| {
            let transition = self.rules.preceding(next).next()?;
            self.change(transition.timestamp())
        });
        let known_ms = last.filter(|_| !is_period).map_or(shown, |last| last.at_ms + last.before_ms - 1);
        Some(shown.max(known_ms))
    }

    fn offset_ms(&self, at_ms: i64) -> Option<i64> {
        Some(i64::from(self.rules.to_offset(timestamp(at_ms)?).seconds()) * 1_000)
    }

    /// The first time after this one at which clocks are changed. Some transitions change a name alone.
    fn change_after(&self, at_ms: i64) -> Option<Change> {
        let transitions = self.rules.following(timestamp(at_ms)?).take(CHANGES);
        transitions.filter_map(|one| self.change(one.timestamp())).find(|change| change.before_ms != change.after_ms)
    }

    fn change(&self, at: Timestamp) -> Option<Change> {
        let at_ms = at.as_millisecond();
        Some(Change { at_ms, before_ms: self.offset_ms(at_ms - 1)?, after_ms: self.offset_ms(at_ms)? })
    }
}

fn timestamp(at_ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(at_ms).ok()
}
