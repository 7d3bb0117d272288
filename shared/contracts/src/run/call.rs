//! Calls of runs that are no tasks: HTTP endpoints, and operations that OpenAPI documents describe.

use crate::{
    Message,
    ids::RunId,
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call is to be made. Whoever makes it answers with a [`super::input::RunInput`], and acknowledges then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunCall {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: Team,
    /// The number of the step.
    pub instance: u64,
    /// What is called, as the workflow engine writes it. Secrets are marks in it.
    pub request: Value,
    /// It was asked for before, by whoever may have died: whoever makes it looks first whether it is answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl Message for RunCall {
    const SUBJECT: &'static str = "run.call.v1.<team>.<run>.<instance>";
    const STREAM: StreamName = StreamName::Tasks;
    const PRODUCERS: &'static [Service] = &[Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Executor];

    fn parameters(&self) -> Vec<String> {
        vec![self.team.to_string(), self.run.to_string(), self.instance.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.{}.call.{}", self.team, self.run, self.instance)
    }
}
