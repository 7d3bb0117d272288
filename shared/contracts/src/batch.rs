//! Batches: tasks that wait to be answered by a provider's batch API, and what is known of their batches.
//!
//! A task joins the **collection** of its model that is open now by a [`BatchItem`], stored once in the stream `BATCHES`;
//! only then its accept ends, so that nothing is held while it waits. When the collection closes an executor gives its
//! items to batches ([`BatchState`], changed by compare-and-set, so that each item is in one batch), has them made, looks
//! from time to time whether they are done ([`BatchTimer`], kept by the broker), and ends each task by its finished
//! fact; then the item is taken out.

use crate::{
    Message, Timestamp,
    ids::{AttemptId, TaskId},
    names::{Service, Team, Zone},
    plan::TaskRouted,
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tasks for one model that are collected in the same stretch of time. Everybody finds the same one by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Collection {
    /// Where the model runs.
    pub zone: Zone,
    /// The model.
    pub model: String,
    /// When it began, in seconds since 1970.
    pub opened_at_unix_s: i64,
    /// How long tasks are collected.
    pub wait_seconds: u32,
}

/// A task that waits for its batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchItem {
    /// What it waits in.
    pub collection: Collection,
    /// Minted before anything is sent; names the item towards the provider too.
    pub attempt: AttemptId,
    /// When it was collected.
    pub collected_at: Timestamp,
    /// The task with its plan, whose first attempt the batch makes.
    pub routed: TaskRouted,
}

/// What is known of the batches of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchState {
    /// The collection.
    pub collection: Collection,
    /// Batches that are not over with.
    pub batches: Vec<Batch>,
}

/// A batch at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// Minted before anything is sent; the provider is told it where it takes such a name.
    pub id: AttemptId,
    /// Its items.
    pub members: Vec<BatchMember>,
    /// When they were given to it.
    pub planned_at: Timestamp,
    /// How far it is.
    pub phase: BatchPhase,
}

/// An item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchMember {
    /// Whose task it is.
    pub team: Team,
    /// The task.
    pub task: TaskId,
    /// By which the provider names the item.
    pub attempt: AttemptId,
    /// When its answer is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// How far a batch is. Each phase is stored before what it names is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum BatchPhase {
    /// Its items are sent as a file.
    Uploading,
    /// It is made at the provider.
    Creating {
        /// The file of its items, where they are sent as one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// The provider has it.
    Submitted {
        /// The provider's name of it.
        upstream: String,
        /// Since when, as far as that is known.
        since: Timestamp,
    },
}

/// A collection is to be looked at. The broker keeps it, and publishes it as [`BatchDue`] then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchTimer {
    /// The collection.
    pub collection: Collection,
    /// Which timer of it; a token of the subject.
    pub timer: String,
    /// When.
    pub due_at: Timestamp,
}

/// The time to look at a collection has come. Published by the broker, with the body of the [`BatchTimer`] that it
/// follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchDue {
    /// The collection.
    pub collection: Collection,
    /// Which timer of it.
    pub timer: String,
    /// When it was due.
    pub due_at: Timestamp,
}

impl Collection {
    /// The one of `model` that is open at `now`.
    #[must_use]
    pub fn open(zone: Zone, model: &str, wait_seconds: u32, now: Timestamp) -> Self {
        let wait_seconds = wait_seconds.max(1);
        let opened_at_unix_s = now.unix_seconds().div_euclid(i64::from(wait_seconds)) * i64::from(wait_seconds);
        Self { zone, model: model.to_owned(), opened_at_unix_s, wait_seconds }
    }

    /// When it closes.
    #[must_use]
    pub fn closes_at(&self) -> Timestamp {
        let seconds = self.opened_at_unix_s.saturating_add(i64::from(self.wait_seconds));
        Timestamp::from_unix_micros(seconds.saturating_mul(1_000_000)).unwrap_or(Timestamp::EPOCH)
    }

    /// Its name as one token of a subject. Names of models have no `=`, so no two share a token.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}={}={}", self.model.replace('.', "="), self.opened_at_unix_s, self.wait_seconds)
    }

    fn parameters(&self) -> Vec<String> {
        vec![self.zone.to_string(), self.token()]
    }
}

impl Message for BatchItem {
    const SUBJECT: &'static str = "batch.item.v1.<zone>.<collection>.<team>.<task>";
    const STREAM: StreamName = StreamName::Batches;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        let task = &self.routed.task;
        let mut parameters = self.collection.parameters();
        parameters.extend([task.team.to_string(), task.id.to_string()]);
        parameters
    }

    fn dedup_key(&self) -> String {
        format!("{}.item.{}", self.routed.task.team, self.attempt)
    }
}

impl Message for BatchState {
    const SUBJECT: &'static str = "batch.state.v1.<zone>.<collection>";
    const STREAM: StreamName = StreamName::Batches;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        self.collection.parameters()
    }

    /// None: which state follows which is settled by their sequence.
    fn dedup_key(&self) -> String {
        String::new()
    }
}

impl Message for BatchTimer {
    const SUBJECT: &'static str = "batch.timer.v1.<zone>.<collection>.<timer>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[];

    fn parameters(&self) -> Vec<String> {
        timer(&self.collection, &self.timer)
    }

    fn dedup_key(&self) -> String {
        format!("{}.timer", timer(&self.collection, &self.timer).join("."))
    }
}

impl Message for BatchDue {
    const SUBJECT: &'static str = "batch.due.v1.<zone>.<collection>.<timer>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        timer(&self.collection, &self.timer)
    }

    fn dedup_key(&self) -> String {
        format!("{}.due", timer(&self.collection, &self.timer).join("."))
    }
}

fn timer(collection: &Collection, timer: &str) -> Vec<String> {
    let mut parameters = collection.parameters();
    parameters.push(timer.to_owned());
    parameters
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn everybody_finds_the_same_collection_by_the_clock_and_none_is_shared_by_two_models() {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000 + 7).unwrap();
        let of = |model: &str, wait, seconds| Collection::open(Zone::External, model, wait, at(seconds));
        assert_eq!(of("a/b", 300, 600), of("a/b", 300, 899));
        assert_ne!(of("a/b", 300, 899), of("a/b", 300, 900));
        assert_eq!(of("a/b", 300, 899).closes_at().unix_seconds(), 900);
        let tokens = [of("a/b.1", 300, 600), of("a/b_1", 300, 600), of("a/b.1", 60, 600), of("a/b.1", 300, 900)];
        let mut tokens: Vec<String> = tokens.iter().map(Collection::token).collect();
        assert!(tokens.iter().all(|token| !token.contains(['.', '*', '>', ' '])));
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 4);
    }
}
