//! Approvals: a person is asked, and the run waits for the answer without holding anything.

use super::{Step, class, notify};
use neptune_contracts::{
    Timestamp,
    delivery::{Delivery, DeliveryContent},
};
use neptune_workflow::{
    definition::{Builtin, Function},
    run::{Answer, Event, Instance, Problem, Request},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The type of the event by which somebody answers.
pub const EVENT_TYPE: &str = "neptune.approval";

/// The message that asks for an approval; nothing when the arguments name no channel.
///
/// # Errors
/// They name one that is none, or nobody.
pub fn message(step: &Step<'_>, request: &Request, now: Timestamp) -> Result<Option<Delivery>, Problem> {
    let arguments = &request.arguments;
    if arguments.get("channel").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let asked = arguments.get("text").or_else(|| arguments.get("message")).and_then(Value::as_str);
    let asked = asked.unwrap_or("A workflow asks for your approval.");
    let how = format!(
        "Answer by POST /v1/runs/{}/signals with {{\"type\": \"{EVENT_TYPE}\", \"data\": {{\"instance\": {}, \"approved\": true}}}}, or `neptune run signal`.",
        step.run, step.instance
    );
    let text =
        format!("{asked}\n\nWorkflow {}, step {}, run {}.\n{how}", step.made_of.workflow, request.step, step.run);
    let data = json!({"run": step.run, "instance": step.instance, "step": request.step, "answer": EVENT_TYPE});
    notify::addressed(step, arguments, DeliveryContent { event: "run.approval".into(), text, data }, now).map(Some)
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
    if event.get("type").and_then(Value::as_str) != Some(EVENT_TYPE) {
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
    let output = json!({"approved": approved, "by": data.get("by"), "comment": data.get("comment")});
    let note = Some(json!({"approval": output}));
    Some(Event::Answered {
        instance,
        answer: Answer { note, sensitivity: class::of_event(event), ..Answer::output(output) },
    })
}
