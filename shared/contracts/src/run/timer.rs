//! Timers of runs: kept by the broker, so that a run that waits holds nothing.

use crate::{
    Message, Timestamp,
    ids::RunId,
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run wants to be told when a time has come. The broker keeps it, and publishes it as [`RunFired`] then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunTimer {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// Which timer of the run; a token of the subject.
    pub timer: String,
    /// When.
    pub due_at: Timestamp,
}

/// The time of a timer has come. Published by the broker, with the body of the [`RunTimer`] that it follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFired {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// Which timer of the run.
    pub timer: String,
    /// When it was due.
    pub due_at: Timestamp,
}

impl Message for RunTimer {
    const SUBJECT: &'static str = "run.timer.v1.<team>.<run>.<timer>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.run.to_string(), self.timer.clone()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.timer.{}", self.team, self.run, self.timer)
    }
}

impl Message for RunFired {
    const SUBJECT: &'static str = "run.fired.v1.<team>.<run>.<timer>";
    const STREAM: StreamName = StreamName::Timers;
    const PRODUCERS: &'static [Service] = &[];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.run.to_string(), self.timer.clone()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.fired.{}", self.team, self.run, self.timer)
    }
}
