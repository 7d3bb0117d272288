//! Events between the runs of a team, and from programs outside to them: CloudEvents 1.0 in their JSON format.
//!
//! A run publishes one where it `emit`s, a program over `POST /v1/events` or on the bus. Whoever listens at that time
//! hears it: steps of the team's running runs, and schedules of its workflows. It is kept for nobody who begins to
//! listen later.

use crate::{
    Message,
    ids::RunId,
    names::{DataClass, Service, Team},
    run::start::is_zero,
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The version of CloudEvents that is spoken.
pub const SPEC_VERSION: &str = "1.0";

/// What stands for the types of a run that listens to events whatever their type is.
pub const ANY_KIND: &str = "any";

/// A type of events as a token of a subject; types may have any form.
#[must_use]
pub fn kind_token(kind: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, kind.as_bytes()).simple().to_string()
}

/// An event of a team, as CloudEvents 1.0 has it. The team is the one in the subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventPublished {
    /// Taken from the subject.
    #[serde(skip)]
    #[schemars(skip)]
    pub team: Option<Team>,
    /// The version of CloudEvents, `1.0`.
    #[serde(default = "spec_version")]
    pub specversion: String,
    /// Its id: of two events with the same source and id the second is a repeat.
    pub id: String,
    /// What it comes from, a URI or a path.
    pub source: String,
    /// What happened, as `ticket.triaged`; listening steps choose by it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What of the source it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// The run that emitted it.
    #[serde(default, rename = "neptunerun", skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The number of the step that emitted it.
    #[serde(default, rename = "neptunestep", skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// How sensitive it is at least; a run that hears it is from then on.
    #[serde(default, rename = "neptuneclass", skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// How many runs started each other by events until this one.
    #[serde(default, rename = "neptunehops", skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// Other attributes, such as `datacontenttype`, `dataschema` and extensions.
    #[serde(flatten)]
    pub attributes: Map<String, Value>,
}

fn spec_version() -> String {
    SPEC_VERSION.to_owned()
}

impl EventPublished {
    /// The event as steps and schedules see it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Names the event: of a run by its step, which emits once, else by source and id.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.run, self.step) {
            (Some(run), Some(step)) => format!("{run}.{step}"),
            // Sources are URIs of any length and form.
            _ => {
                let source = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.source.as_bytes());
                Uuid::new_v5(&source, self.id.as_bytes()).to_string()
            }
        }
    }
}

impl Message for EventPublished {
    const SUBJECT: &'static str = "event.v1.<team>";
    const STREAM: StreamName = StreamName::Events;
    const PRODUCERS: &'static [Service] = &[Service::Client, Service::Ingress, Service::Executor, Service::Operator];
    const CONSUMERS: &'static [Service] = &[Service::Executor, Service::Client];

    fn parameters(&self) -> Vec<String> {
        self.team.iter().map(ToString::to_string).collect()
    }

    fn dedup_key(&self) -> String {
        // Another team's event of the same source and id is another event.
        self.team.as_ref().map(|team| format!("{team}.{}.event", self.name())).unwrap_or_default()
    }

    fn read_parameters(&mut self, parameters: &[&str]) {
        self.team = parameters.first().and_then(|team| team.parse().ok());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn event(of: Value) -> EventPublished {
        let mut event: EventPublished = serde_json::from_value(of).unwrap();
        event.read_parameters(&["support"]);
        event
    }

    #[test]
    fn an_event_is_one_by_source_and_id_or_by_the_step_that_emits_it() {
        let of = |source: &str, id: &str| event(json!({"id": id, "source": source, "type": "a"})).dedup_key();
        assert_eq!(of("/x", "1"), of("/x", "1"));
        assert_ne!(of("/x", "1"), of("/y", "1"));
        assert_ne!(of("/x", "1"), of("/x", "2"));
        assert_ne!(of("/x/1", "2"), of("/x", "1/2"));
        let run = RunId::mint();
        let step =
            |step: u64| event(json!({"id": "1", "source": "/x", "type": "a", "neptunerun": run, "neptunestep": step}));
        assert_ne!(step(1).dedup_key(), step(2).dedup_key(), "the id that a workflow gives may be the same each time");
    }

    #[test]
    fn nothing_of_an_event_is_lost() {
        let whole = json!({
            "specversion": "1.0", "id": "1", "source": "/x", "type": "a", "subject": "s", "time": "2026-11-26T10:00:00Z",
            "datacontenttype": "application/json", "traceparent": "00-1-2-01", "data": {"deep": [1, null]},
        });
        assert_eq!(event(whole.clone()).to_value(), whole);
    }
}
