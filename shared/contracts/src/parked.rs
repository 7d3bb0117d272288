//! Parking: a task that no model has room for waits on the broker's timer, not in anybody's memory.
//!
//! Whoever parks a task stores [`TaskParked`] with the broker's schedule, and acknowledges the accept
//! only then. When its time has come the broker publishes the same body as [`TaskResumed`], which is
//! the task's accept from there on: governance admits it again, with its id, origin, deliveries, reply
//! subject and trace.

use crate::{
    Message, PicoUsd, Timestamp,
    admission::Task,
    attempt::Attempt,
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task is not parked more often.
pub const MAX_PARKS: u32 = 32;
/// A task is parked at least this long, so that a reset which is due does not become a loop.
const LEAST_MS: u64 = 100;
/// So much of its time must be left when a task comes back, in milliseconds.
const LEAST_LEFT_MS: u64 = 500;
/// Tasks that wait for the same reset come back spread over a quarter of their wait, up to this.
const WIDEST_SPREAD_MS: u64 = 3_000;

/// How often and how long a task waited because no model had room for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parking {
    /// How often.
    pub times: u32,
    /// How long in all.
    pub total_ms: u64,
    /// Why, the last time.
    pub because: String,
}

/// What a task carries that was parked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parked {
    /// How often and how long until it was parked last.
    pub parking: Parking,
    /// When it was parked last.
    pub since: Timestamp,
    /// When it comes back.
    pub until: Timestamp,
    /// The calls that were made before; they belong to its fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// A task waits. The broker keeps it, and publishes it as [`TaskResumed`] when its time has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskParked {
    /// The task; its `parked` is set.
    pub task: Task,
}

/// A parked task's time has come. Published by the broker, with the body and the headers of the
/// [`TaskParked`] that it follows from; its ack token is the task's accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskResumed {
    /// The task; its `parked` is set.
    pub task: Task,
}

impl Message for TaskParked {
    const SUBJECT: &'static str = "task.parked.v1.<team>.<origin>.<task>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[Service::Router, Service::Executor];
    const CONSUMERS: &'static [Service] = &[];

    fn parameters(&self) -> Vec<String> {
        parameters(&self.task)
    }

    /// Of one wait; a repeated park of the same wait is a duplicate.
    fn dedup_key(&self) -> String {
        format!("{}.{}.{}.parked.{}", self.task.team, self.task.origin, self.task.id, self.times())
    }

    fn task(&self) -> Option<&Task> {
        Some(&self.task)
    }
}

impl Message for TaskResumed {
    const SUBJECT: &'static str = "task.resumed.v1.<team>.<origin>.<task>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[];
    const CONSUMERS: &'static [Service] = &[Service::Governance];

    fn parameters(&self) -> Vec<String> {
        parameters(&self.task)
    }

    fn dedup_key(&self) -> String {
        let times = self.task.parked.as_ref().map_or(0, |parked| parked.parking.times);
        format!("{}.{}.{}.resumed.{times}", self.task.team, self.task.origin, self.task.id)
    }

    /// The broker lets only Neptune's own services park, so the team is the one that they checked.
    fn read_parameters(&mut self, parameters: &[&str]) {
        if let Some(team) = parameters.first().and_then(|team| team.parse::<Team>().ok()) {
            self.task.team = team;
        }
    }

    fn task(&self) -> Option<&Task> {
        Some(&self.task)
    }
}

impl TaskParked {
    /// When it comes back; a task that does not say so at once.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.task.parked.as_ref().map_or(Timestamp::EPOCH, |parked| parked.until)
    }

    /// How often it was parked by now.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.task.parked.as_ref().map_or(0, |parked| parked.parking.times)
    }
}

fn parameters(task: &Task) -> Vec<String> {
    vec![task.team.to_string(), task.origin.to_string(), task.id.to_string()]
}

/// A wish to park a task.
#[derive(Clone, Copy, Debug)]
pub struct Wait<'w> {
    /// Until a model has room again, in milliseconds.
    pub for_ms: u64,
    /// Why none has now.
    pub because: &'w str,
    /// The calls made since it came back last.
    pub attempts: &'w [Attempt],
    /// The longest that a task without a deadline is parked, in milliseconds, all its waits together.
    pub at_most_ms: u64,
}

impl Task {
    /// The task as it is parked at `now`.
    ///
    /// # Errors
    /// Why it cannot wait so long, as the end of a sentence.
    pub fn park(&self, wait: &Wait<'_>, now: Timestamp) -> Result<TaskParked, String> {
        let before = self.parked.as_deref();
        let (times, total_ms) = before.map_or((0, 0), |parked| (parked.parking.times, parked.parking.total_ms));
        if times >= MAX_PARKS {
            return Err(format!("it has waited {MAX_PARKS} times already, and waits no more often"));
        }
        let for_ms = wait.for_ms.max(LEAST_MS);
        let (left_ms, limit) = match self.constraints.deadline {
            Some(deadline) => (deadline.micros_since(now) / 1_000, format!("its deadline is {deadline}")),
            None => (
                wait.at_most_ms.saturating_sub(total_ms),
                format!("without a deadline it waits {} ms at most", wait.at_most_ms),
            ),
        };
        let spare_ms = left_ms.saturating_sub(LEAST_LEFT_MS).checked_sub(for_ms).filter(|_| left_ms > 0);
        let Some(spare_ms) = spare_ms else { return Err(format!("it cannot wait {for_ms} ms, because {limit}")) };
        let spread_ms = (for_ms / 4).min(WIDEST_SPREAD_MS).min(spare_ms / 2);
        let for_ms = for_ms.saturating_add(lot(self, times) % (spread_ms + 1));
        let parking = Parking { times: times + 1, total_ms, because: wait.because.to_owned() };
        let mut attempts = before.map_or_else(Vec::new, |parked| parked.attempts.clone());
        attempts.extend_from_slice(wait.attempts);
        let until = now.plus_millis(i64::try_from(for_ms).unwrap_or(i64::MAX));
        let parked = Parked { parking, since: now, until, attempts };
        Ok(TaskParked { task: Self { parked: Some(Box::new(parked)), ..self.clone() } })
    }

    /// The task as it came back at `now`: the wait is counted.
    #[must_use]
    pub fn resumed(mut self, now: Timestamp) -> Self {
        if let Some(parked) = &mut self.parked {
            let waited_ms = now.micros_since(parked.since) / 1_000;
            parked.parking.total_ms = parked.parking.total_ms.saturating_add(waited_ms);
        }
        self
    }

    /// How often and how long it was parked; nothing when it never was.
    #[must_use]
    pub fn parking(&self) -> Option<Parking> {
        self.parked.as_ref().map(|parked| parked.parking.clone())
    }

    /// The calls that were made before it was parked.
    #[must_use]
    pub fn attempts_before(&self) -> &[Attempt] {
        self.parked.as_ref().map_or(&[], |parked| &parked.attempts)
    }

    /// Microseconds from its submit to `now` in which it did not wait for models, and was not parked.
    #[must_use]
    pub fn micros_at_work(&self, now: Timestamp) -> u64 {
        let called_us: u64 = self.attempts_before().iter().map(|attempt| attempt.latency_us).sum();
        let parked_us = self.parked.as_ref().map_or(0, |parked| parked.parking.total_ms.saturating_mul(1_000));
        now.micros_since(self.submitted_at).saturating_sub(parked_us).saturating_sub(called_us)
    }

    /// What those calls cost.
    #[must_use]
    pub fn spent_before(&self) -> PicoUsd {
        self.attempts_before().iter().map(|attempt| attempt.cost_usd).sum()
    }
}

/// A number of the task's own, another one each time.
fn lot(task: &Task, times: u32) -> u64 {
    let mixed = task.id.0.as_u128() ^ (u128::from(times) << 17);
    let folded = u64::try_from((mixed >> 64) ^ (mixed & u128::from(u64::MAX))).unwrap_or(0);
    folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

#[cfg(test)]
mod tests;
