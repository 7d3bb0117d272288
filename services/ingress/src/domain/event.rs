//! From HTTP bodies to events for whoever listens.

use super::{json, keys::Caller};
use neptune_contracts::{
    Timestamp,
    event::{EventPublished, SPEC_VERSION},
    names::DataClass,
    problem::Problem,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Longest value of `id`, `source`, `type` and `subject`, in characters.
const MAX_ATTRIBUTE_CHARACTERS: usize = 1_024;
/// What Neptune's own attributes begin with.
const OWN: &str = "neptune";

/// An event, as CloudEvents 1.0 has it in JSON. Further attributes of lower-case letters and digits are passed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRequest {
    /// What happened, as `order.paid`; steps that listen choose by it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id: a second event of the same source and id is a repeat. The `Idempotency-Key` when absent, else minted.
    #[serde(default)]
    pub id: Option<String>,
    /// Where it is from, a URI or a path; the caller's key when absent.
    #[serde(default)]
    pub source: Option<String>,
    /// `1.0`, when given.
    #[serde(default)]
    pub specversion: Option<String>,
    /// What of its source it is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// When it happened, RFC 3339; now when absent.
    #[serde(default)]
    pub time: Option<Timestamp>,
    /// What it says.
    #[serde(default)]
    pub data: Value,
    /// How sensitive it is at least; a run that hears it is from then on. The attribute `neptuneclass` is the same.
    #[serde(default, alias = "neptuneclass")]
    pub class: Option<DataClass>,
    /// Other attributes.
    #[serde(flatten)]
    pub attributes: Map<String, Value>,
}

/// The event of a `POST /v1/events` body.
///
/// # Errors
/// Every fault of the body.
pub fn event(
    body: &[u8],
    idempotency_key: Option<&str>,
    caller: &Caller,
    now: Timestamp,
) -> Result<EventPublished, Vec<Problem>> {
    let asked: EventRequest = json::read_whole(body)?;
    let faults = faults(&asked);
    if !faults.is_empty() {
        return Err(faults);
    }
    let minted = || idempotency_key.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    Ok(EventPublished {
        team: Some(caller.team.clone()),
        specversion: SPEC_VERSION.to_owned(),
        id: asked.id.unwrap_or_else(minted),
        source: asked.source.unwrap_or_else(|| format!("/keys/{}", caller.key)),
        kind: asked.kind,
        subject: asked.subject,
        time: Some(asked.time.unwrap_or(now).to_string()),
        data: asked.data,
        run: None,
        step: None,
        class: asked.class,
        hops: 0,
        attributes: asked.attributes,
    })
}

fn faults(asked: &EventRequest) -> Vec<Problem> {
    let mut faults = Vec::new();
    let texts = [
        ("type", Some(&asked.kind)),
        ("id", asked.id.as_ref()),
        ("source", asked.source.as_ref()),
        ("subject", asked.subject.as_ref()),
    ];
    for (field, text) in texts.into_iter().filter_map(|(field, text)| Some((field, text?))) {
        let characters = text.chars().count();
        if !(1..=MAX_ATTRIBUTE_CHARACTERS).contains(&characters) {
            let told = format!("{characters} characters, the limit is 1 to {MAX_ATTRIBUTE_CHARACTERS}");
            faults.push(Problem::new(field, told, "put what is long into `data`"));
        }
    }
    if asked.specversion.as_ref().is_some_and(|version| version != SPEC_VERSION) {
        faults.push(Problem::new(
            "specversion",
            "another version than 1.0",
            "send the event as CloudEvents 1.0 has it",
        ));
    }
    for (name, value) in &asked.attributes {
        faults.extend(attribute_fault(name, value));
    }
    faults
}

fn attribute_fault(name: &str, value: &Value) -> Option<Problem> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let (told, remedy) = if name == "data_base64" {
        ("binary data, which no step can read", "send JSON as `data`")
    } else if !is_name {
        ("no name of an attribute: those of CloudEvents are a-z and 0-9", "put it into `data`")
    } else if name.starts_with(OWN) {
        ("an attribute that Neptune gives", "leave it out")
    } else if !(value.is_string() || value.is_boolean() || value.is_i64()) {
        ("no text, whole number or truth value", "put it into `data`")
    } else {
        return None;
    };
    Some(Problem::new(name.chars().take(128).collect::<String>(), told, remedy))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::resource::KeyRole;
    use serde_json::json;

    fn read(body: &Value, key: Option<&str>) -> Result<EventPublished, Vec<Problem>> {
        let caller = Caller { key: "k1".into(), team: "support".parse().unwrap(), role: KeyRole::Caller };
        event(body.to_string().as_bytes(), key, &caller, Timestamp::EPOCH)
    }

    fn check(body: &Value, fields: &[&str]) {
        let faults = read(body, None).err().unwrap_or_default();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), fields, "{body}");
    }

    #[test]
    fn every_fault_of_an_event_is_named() {
        check(&json!({"type": "order.paid", "data": 7, "comexampleregion": "eu"}), &[]);
        check(&json!({"type": "", "specversion": "0.3"}), &["type", "specversion"]);
        check(&json!({"type": "a", "Region": "eu"}), &["Region"]);
        check(&json!({"type": "a", "neptunerun": "x", "data_base64": "eA=="}), &["data_base64", "neptunerun"]);
        check(&json!({"type": "a", "region": {}}), &["region"]);
        check(&json!({"type": "a", "time": "yesterday"}), &["time"]);
        check(&json!({"data": 1}), &["(body)"]);
        check(&json!({"type": "a", "class": "secret", "subject": 7}), &["class", "subject"]);
        check(&json!({"type": "a", "class": "public", "neptuneclass": "restricted"}), &["(body)"]);
    }

    #[test]
    fn an_event_says_how_sensitive_it_is_by_either_name() {
        for (name, class) in [("class", DataClass::Restricted), ("neptuneclass", DataClass::Internal)] {
            let event = read(&json!({"type": "a", name: class}), None).unwrap();
            assert_eq!((event.class, event.attributes.len()), (Some(class), 0), "{name}");
        }
    }

    #[test]
    fn what_is_not_given_is_filled_in() {
        let event = read(&json!({"type": "a"}), Some("once")).unwrap();
        assert_eq!((event.id.as_str(), event.source.as_str()), ("once", "/keys/k1"));
        assert_eq!(event.time.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_ne!(read(&json!({"type": "a"}), None).unwrap().id, read(&json!({"type": "a"}), None).unwrap().id);
    }
}
