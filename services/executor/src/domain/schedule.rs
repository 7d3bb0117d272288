//! How far the schedule of a workflow is, and what it starts next.
//!
//! Times follow from the definition and from the time up to which runs were started, so whoever counts them counts the
//! same. Times that passed while nobody was there are made up for by one run, the latest.

use neptune_contracts::{Timestamp, ids::RunId, names::Team};
use neptune_workflow::{
    definition::{Consumption, Definition, Mode, Trigger},
    run::Correlator,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Runs that are remembered.
const REMEMBERED: usize = 10;
/// Events that are known again when they are handed out a second time.
const KNOWN_AGAIN: usize = 256;
/// What the events that wait for others may have together, in bytes.
const HEARD_BYTES: usize = 512 << 10;
/// Times that are counted as missed at most.
const MISSED: u64 = 100_000;

/// How far a schedule is. It is kept as a whole, and changed by one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The version that is followed: another one begins anew.
    pub version: String,
    /// Since when it is followed at all, in milliseconds since 1970; events of before start nothing.
    pub known_since_ms: u64,
    /// Times up to this one have had their runs, in milliseconds since 1970.
    pub since_ms: u64,
    /// Runs that were started last, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Started>,
    /// Events that wait for others.
    #[serde(default)]
    pub correlator: Correlator,
    /// Events that were heard last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// What is to start: a run is asked for after this is written down, and again before it is taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting: Option<Starting>,
}

/// A run that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// Its time, or that of its event, in milliseconds since 1970.
    pub due_ms: u64,
}

/// A run that events start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Starting {
    /// The last of the events.
    pub event: String,
    /// When it was stored, in milliseconds since 1970.
    pub at_ms: u64,
    /// How many runs started each other by events until then.
    pub hops: u32,
    /// The input of the run.
    pub input: Value,
}

/// An event that was published.
#[derive(Clone, Debug)]
pub struct Happened {
    /// Names it among all events of its team.
    pub key: String,
    /// The event in the sense of CloudEvents.
    pub event: Value,
    /// When it was stored, in milliseconds since 1970.
    pub at_ms: u64,
    /// How many runs started each other by events until it.
    pub hops: u32,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing, ever, by time.
    Never,
    /// Nothing before the end of the last run.
    AfterRun,
    /// Nothing before this time, in milliseconds since 1970.
    At(u64),
    /// A run.
    Now {
        /// Its time, in milliseconds since 1970.
        slot_ms: u64,
        /// Times before it that passed without a run.
        missed: u64,
    },
}

/// Where the progress of a workflow is kept: a key of the bucket.
#[must_use]
pub fn name(workflow: &str) -> String {
    format!("schedule.{}", workflow.replace('/', "."))
}

/// What names an event among those of all teams, of `name` among its team's.
#[must_use]
pub fn key_of(team: &Team, name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{team}\n{name}").as_bytes()).to_string()
}

/// The events that a definition waits for.
#[must_use]
pub fn awaited(definition: &Definition) -> Option<&Consumption> {
    definition.schedule.iter().find_map(|trigger| match trigger {
        Trigger::Events(events) => Some(events),
        Trigger::Cron(_) | Trigger::Every(_) | Trigger::After(_) => None,
    })
}

/// Whether each event that fits starts a run by itself, so that nothing has to be kept.
#[must_use]
pub fn is_single(events: &Consumption) -> bool {
    events.mode != Mode::All && events.until.is_none()
}

impl Progress {
    /// A schedule that is followed from now on. What was heard before is kept over a change of the version.
    #[must_use]
    pub fn of_version(version: &str, before: Option<&Self>, now_ms: u64) -> Self {
        let before = before.cloned().unwrap_or_default();
        let known_since_ms = if before.known_since_ms == 0 { now_ms } else { before.known_since_ms };
        Self {
            version: version.to_owned(),
            known_since_ms,
            since_ms: now_ms,
            correlator: Correlator::default(),
            ..before
        }
    }

    /// What is due by time. `ended_ms` is when the last run has ended, if it has.
    #[must_use]
    pub fn due(&self, triggers: &[Trigger], ended_ms: Option<u64>, now_ms: u64) -> Due {
        let mut waits_for_run = false;
        let mut first = None;
        for trigger in triggers {
            let since_ms = match (trigger, self.runs.first(), ended_ms) {
                (Trigger::After(_), Some(_), None) => {
                    waits_for_run = true;
                    continue;
                }
                (Trigger::After(_), Some(_), Some(ended_ms)) => ended_ms,
                _ => self.since_ms,
            };
            first = earlier(first, trigger.next_ms(since_ms));
        }
        match first {
            None if waits_for_run => Due::AfterRun,
            None => Due::Never,
            Some(first_ms) if first_ms > now_ms => Due::At(first_ms),
            Some(first_ms) => latest(triggers, first_ms, now_ms),
        }
    }

    /// Takes in that a run was started. False when its time had its run before.
    pub fn take(&mut self, started: Started) -> bool {
        if self.runs.iter().any(|before| before.run == started.run) {
            return false;
        }
        self.since_ms = self.since_ms.max(started.due_ms);
        self.runs.insert(0, started);
        self.runs.truncate(REMEMBERED);
        true
    }

    /// Takes in an event that waits for others, or completes them. False when it changes nothing.
    pub fn hear(&mut self, definition: &Definition, happened: &Happened) -> bool {
        let before = self.clone();
        if !self.heard.contains(&happened.key) {
            let input = self.correlator.hear(definition, &happened.event);
            let is_complete = input.is_some();
            if let Some(input) = input {
                let Happened { key: event, at_ms, hops, .. } = happened.clone();
                self.starting = Some(Starting { event, at_ms, hops, input });
            }
            if is_complete || before.correlator != self.correlator {
                self.heard.push(happened.key.clone());
                let many = self.heard.len().saturating_sub(KNOWN_AGAIN);
                self.heard.drain(..many);
            }
        }
        // Nobody may stop a schedule by events that it can never hold.
        if serde_json::to_vec(&self.correlator).is_ok_and(|kept| kept.len() > HEARD_BYTES) {
            self.correlator = Correlator::default();
        }
        *self != before
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The latest time that has passed, and how many others have since `first_ms`.
fn latest(triggers: &[Trigger], first_ms: u64, now_ms: u64) -> Due {
    let (mut slot_ms, mut missed) = (first_ms, 0);
    while missed < MISSED {
        let by_time = triggers.iter().filter(|trigger| matches!(trigger, Trigger::Cron(_) | Trigger::Every(_)));
        match by_time.filter_map(|trigger| trigger.next_ms(slot_ms)).min().filter(|next_ms| *next_ms <= now_ms) {
            Some(next_ms) => (slot_ms, missed) = (next_ms, missed + 1),
            None => break,
        }
    }
    Due::Now { slot_ms, missed }
}

/// A time in milliseconds since 1970.
#[must_use]
pub fn ms_of(time: Timestamp) -> u64 {
    u64::try_from(time.unix_micros() / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_workflow::compiler;
    use serde_json::json;

    fn definition(schedule: &str) -> Definition {
        let head = "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0'}";
        compiler::read(&format!("{head}\nschedule: {schedule}\ndo:\n  - one: {{set: {{x: 1}}}}\n")).unwrap()
    }

    fn progress(since_ms: u64) -> Progress {
        Progress { version: "1.0.0".into(), known_since_ms: 1, since_ms, ..Progress::default() }
    }

    #[test]
    fn times_that_passed_are_made_up_for_once() {
        let every = definition("{every: PT10S}").schedule;
        for (since_ms, now_ms, due) in [
            (10_000, 19_999, Due::At(20_000)),
            (10_000, 20_000, Due::Now { slot_ms: 20_000, missed: 0 }),
            (10_000, 65_000, Due::Now { slot_ms: 60_000, missed: 4 }),
        ] {
            assert_eq!(progress(since_ms).due(&every, None, now_ms), due, "{since_ms} {now_ms}");
        }
        let cron = definition("{cron: '*/5 * * * *'}").schedule;
        assert_eq!(progress(0).due(&cron, None, 601_000), Due::Now { slot_ms: 600_000, missed: 1 });
        let run = RunId::mint();
        let mut taken = progress(0);
        assert!(taken.take(Started { run, due_ms: 600_000 }) && !taken.take(Started { run, due_ms: 600_000 }));
        assert_eq!(taken.due(&cron, None, 601_000), Due::At(900_000));
        assert_eq!(progress(0).due(&definition("{on: {one: {with: {type: x}}}}").schedule, None, 9), Due::Never);
    }

    #[test]
    fn a_change_of_clocks_while_nobody_was_there_is_made_up_for_once() {
        let head = "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0', metadata: {neptune: {timeZone: Europe/Berlin}}}";
        let text = format!("{head}\nschedule: {{cron: '30 2 * * *'}}\ndo: []\n");
        let (cron, hour_ms) = (compiler::read(&text).unwrap().schedule, 3_600_000);
        // 1 o'clock in UTC of 29 March and of 25 October 2026, when clocks are set forward and back.
        let (forward_ms, back_ms) = (1_774_746_000_000, 1_792_890_000_000);
        for (changes_ms, slot_ms) in [(forward_ms, forward_ms), (back_ms, back_ms - hour_ms / 2)] {
            let mut progress = progress(changes_ms - 12 * hour_ms);
            assert_eq!(progress.due(&cron, None, slot_ms - 1), Due::At(slot_ms));
            // Whoever comes at once, or later, starts the same; and then nothing more until the next night.
            for now_ms in [slot_ms, changes_ms + 2 * hour_ms] {
                assert_eq!(progress.due(&cron, None, now_ms), Due::Now { slot_ms, missed: 0 });
            }
            progress.take(Started { run: RunId::mint(), due_ms: slot_ms });
            let kept: Progress = serde_json::from_value(serde_json::to_value(&progress).unwrap()).unwrap();
            for now_ms in [slot_ms, slot_ms + hour_ms, changes_ms + 2 * hour_ms] {
                let day_ms = changes_ms + 24 * hour_ms;
                let next_ms = if changes_ms == back_ms { day_ms + hour_ms / 2 } else { day_ms - hour_ms / 2 };
                assert_eq!(kept.due(&cron, None, now_ms), Due::At(next_ms));
            }
        }
    }

    #[test]
    fn a_pause_counts_from_the_end_of_the_last_run() {
        let after = definition("{after: PT10S}").schedule;
        let mut progress = progress(5_000);
        assert_eq!(progress.due(&after, None, 6_000), Due::At(15_000));
        progress.take(Started { run: RunId::mint(), due_ms: 15_000 });
        assert_eq!(progress.due(&after, None, 99_000), Due::AfterRun);
        assert_eq!(progress.due(&after, Some(40_000), 41_000), Due::At(50_000));
        assert_eq!(progress.due(&after, Some(40_000), 99_000), Due::Now { slot_ms: 50_000, missed: 0 });
    }

    #[test]
    fn a_new_version_makes_up_for_nothing_and_keeps_what_was_started() {
        let mut before = progress(1_000);
        before.take(Started { run: RunId::mint(), due_ms: 2_000 });
        let next = Progress::of_version("2.0.0", Some(&before), 90_000);
        assert_eq!((next.known_since_ms, next.since_ms, next.runs.len()), (1, 90_000, 1));
        assert_eq!(next.due(&definition("{every: PT10S}").schedule, None, 95_000), Due::At(100_000));
    }

    #[test]
    fn an_event_counts_once_and_the_last_of_all_starts_a_run() {
        let both = definition("{on: {all: [{with: {type: a}}, {with: {type: b}}]}}");
        assert!(!is_single(awaited(&both).unwrap()));
        let team = "support".parse().unwrap();
        let happened = |kind: &str| {
            let event = json!({"id": kind, "source": "/s", "type": kind});
            Happened { key: key_of(&team, kind), event, at_ms: 7, hops: 2 }
        };
        let mut progress = progress(0);
        assert!(progress.hear(&both, &happened("a")));
        assert!(!progress.hear(&both, &happened("a")) && !progress.hear(&both, &happened("c")));
        assert!(progress.hear(&both, &happened("b")));
        let starting = progress.starting.clone().unwrap();
        assert_eq!((starting.hops, starting.input.as_array().unwrap().len()), (2, 2));
        assert!(!progress.hear(&both, &happened("b")), "handed out again, and still to be started");
    }
}
