//! Dead letters: messages that no handler could finish, kept whole.

use crate::{Message, Timestamp, names::Service, topology::StreamName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message that was given up, with everything needed to look at it and to publish it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// The service that gave it up.
    pub service: Service,
    /// The team it belongs to; `unknown` when that cannot be told.
    pub team: String,
    /// The subject it was published on.
    pub subject: String,
    /// The stream it was stored in.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Why it was given up.
    pub reason: String,
    /// When it was given up.
    pub at: Timestamp,
    /// Its headers.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Its body, base64.
    pub body: String,
}

impl Message for DeadLetter {
    const SUBJECT: &'static str = "dead.v1.<service>.<team>";
    const STREAM: StreamName = StreamName::Dead;
    const PRODUCERS: &'static [Service] =
        &[Service::Governance, Service::Router, Service::Executor, Service::Metering, Service::Notifier];
    const CONSUMERS: &'static [Service] = &[Service::Operator];

    fn parameters(&self) -> Vec<String> {
        vec![self.service.to_string(), self.team.clone()]
    }

    fn dedup_key(&self) -> String {
        format!("dead.{}.{}.{}", self.stream, self.sequence, self.deliveries)
    }
}
