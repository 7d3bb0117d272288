//! Events that runs emit.

use super::start::is_zero;
use crate::{
    Message,
    ids::RunId,
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run emitted an event for whoever listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEmitted {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// The number of the step.
    pub instance: u64,
    /// The event in the sense of CloudEvents; its id is the same however often it is published.
    pub event: Value,
    /// How many runs started each other by events until this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
}

impl Message for RunEmitted {
    const SUBJECT: &'static str = "run.emitted.v1.<team>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor, Service::Client];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.emitted.{}", self.team, self.run, self.instance)
    }
}
