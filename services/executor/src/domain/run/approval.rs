//! Approvals: a person is asked, and the run waits for the answer without holding anything.

use super::{Step, class, finish::timestamp, notify};
use neptune_contracts::{
    Timestamp,
    approval::{APPROVAL_EVENT, ASKING_EVENT},
    delivery::{Delivery, DeliveryContent},
};
use neptune_workflow::{
    definition::{Builtin, Function},
    run::{Answer, Event, Instance, Problem, Request},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// What is asked when the arguments do not say.
const ASKED: &str = "A workflow asks for your approval.";

/// The message that asks for an approval; nothing when the arguments name no channel.
///
/// # Errors
/// They name one that is none, or nobody.
pub fn message(step: &Step<'_>, request: &Request, now: Timestamp) -> Result<Option<Delivery>, Problem> {
    let arguments = &request.arguments;
    if arguments.get("channel").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let asked = asked(request);
    let how = format!(
        "With a key: POST /v1/runs/{}/signals with {{\"type\": \"{APPROVAL_EVENT}\", \"data\": {{\"instance\": {}, \"approved\": true}}}}, or `neptune run signal`.",
        step.run, step.instance
    );
    let text =
        format!("{asked}\n\nWorkflow {}, step {}, run {}.\n{how}", step.made_of.workflow, request.step, step.run);
    let data = json!({
        "run": step.run, "instance": step.instance, "step": request.step, "asks": asked, "answer": APPROVAL_EVENT,
        "expires_at": request.deadline_ms.map(timestamp),
    });
    notify::addressed(step, arguments, DeliveryContent { event: ASKING_EVENT.into(), text, data }, now).map(Some)
}

/// What an approval asks.
#[must_use]
pub fn asked(request: &Request) -> &str {
    let arguments = &request.arguments;
    let asked = arguments.get("text").or_else(|| arguments.get("message")).and_then(Value::as_str);
    asked.unwrap_or(ASKED)
}

/// Whether a call is an approval.
#[must_use]
pub fn is_one(request: &Request) -> bool {
    request.function == Function::Builtin(Builtin::Approval)
}

/// The answer that an event gives to an approval that waits: the one it names by `instance` or `step`, or the only
/// one. Nothing when it is about no approval.
#[must_use]
pub fn answered(event: &Value, asked: &BTreeMap<Instance, Arc<Request>>) -> Option<Event> {
    if event.get("type").and_then(Value::as_str) != Some(APPROVAL_EVENT) {
        return None;
    }
    let data = event.get("data").unwrap_or(&Value::Null);
    let approved = data.get("approved").and_then(Value::as_bool)?;
    let mut waiting = asked.iter().filter(|(_, request)| is_one(request));
    let instance = match (data.get("instance").and_then(Value::as_u64), data.get("step").and_then(Value::as_str)) {
        (Some(wanted), _) => waiting.find(|(instance, _)| **instance == wanted).map(|(instance, _)| *instance),
        (None, Some(step)) => waiting.find(|(_, request)| request.step == step).map(|(instance, _)| *instance),
        (None, None) => waiting.next().filter(|_| waiting.next().is_none()).map(|(instance, _)| *instance),
    }?;
    let output =
        json!({"approved": approved, "by": data.get("by"), "comment": data.get("comment"), "via": data.get("via")});
    let note = Some(json!({"approval": output}));
    Some(Event::Answered {
        instance,
        answer: Answer { note, sensitivity: class::of_event(event), ..Answer::output(output) },
    })
}
