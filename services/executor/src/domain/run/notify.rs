//! Deliveries that runs ask for.

use super::{Step, configuration};
use neptune_contracts::{
    Timestamp,
    delivery::{Delivery, DeliveryContent, DeliveryFinished, DeliveryOutcome, DeliverySpec},
    ids::{DeliveryId, RunId},
    names::Channel,
    run::RunStepRef,
};
use neptune_workflow::run::{Answer, Outcome, Problem, Request, Standard};
use serde_json::{Value, json};

/// The id of the delivery that a step asks for; the same whoever asks.
#[must_use]
pub fn id(run: RunId, instance: u64) -> DeliveryId {
    DeliveryId::derive(run.0, &format!("notify.{instance}"))
}

/// The delivery that a step asks for.
///
/// # Errors
/// Its arguments say no channel, nobody or nothing.
pub fn delivery(step: &Step<'_>, request: &Request, now: Timestamp) -> Result<Delivery, Problem> {
    let arguments = &request.arguments;
    let body = text(arguments, "text").or_else(|| text(arguments, "html")).or_else(|| text(arguments, "message"));
    let body = body.ok_or_else(|| configuration("the delivery says nothing; give it a `text`"))?;
    let data = with_text(body, arguments.get("data"));
    addressed(step, arguments, DeliveryContent { event: "run.notify".into(), text: body.to_owned(), data }, now)
}

/// What a webhook gets: what is said as `text` among the fields of `data`, unless they have a `text` of their own; beside
/// data that is no object, which becomes `value`.
fn with_text(text: &str, data: Option<&Value>) -> Value {
    match data {
        None | Some(Value::Null) => json!({"text": text}),
        Some(Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.entry("text").or_insert_with(|| text.into());
            Value::Object(fields)
        }
        Some(value) => json!({"text": text, "value": value}),
    }
}

/// A delivery with this content to whom arguments say.
///
/// # Errors
/// They say no channel that there is, or nobody.
pub(super) fn addressed(
    step: &Step<'_>,
    arguments: &Value,
    content: DeliveryContent,
    now: Timestamp,
) -> Result<Delivery, Problem> {
    let channel =
        text(arguments, "channel").ok_or_else(|| configuration("`channel` is missing; say webhook or email"))?;
    let channel: Channel =
        channel.parse().map_err(|known| configuration(format!("`channel` is `{channel}`; {known}")))?;
    let to = text(arguments, "to").ok_or_else(|| configuration("`to` is missing; say who gets the delivery"))?;
    Ok(Delivery {
        id: id(step.run, step.instance),
        team: step.team.clone(),
        task: None,
        run: Some(RunStepRef { run: step.run, instance: step.instance }),
        spec: DeliverySpec { channel, to: to.to_owned(), subject: text(arguments, "subject").map(str::to_owned) },
        class: step.class.unwrap_or_default(),
        requested_at: now,
        content,
    })
}

fn text<'a>(arguments: &'a Value, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

/// What the end of its delivery answers a step.
#[must_use]
pub fn answer(fact: &DeliveryFinished) -> Answer {
    let why = fact.error.as_deref().unwrap_or("no reason was given");
    let detail = format!("the delivery {} over {} was not made: {why}", fact.id, fact.channel);
    let outcome = match fact.outcome {
        DeliveryOutcome::Delivered => Outcome::Output(json!({
            "delivered": true, "id": fact.id, "channel": fact.channel, "attempts": fact.attempts, "receipt": fact.receipt,
        })),
        DeliveryOutcome::Failed => {
            Outcome::Problem(Problem::new(Standard::Communication, detail).with_status(502, "Bad Gateway"))
        }
        DeliveryOutcome::Rejected => Outcome::Problem(Problem::new(Standard::Authorization, detail)),
    };
    let note = json!({"delivery": fact.id, "channel": fact.channel, "outcome": fact.outcome, "tries": fact.attempts});
    Answer { outcome, cost_pico_usd: fact.cost_usd.0, sensitivity: 0, seen: 0, is_over_budget: false, note: Some(note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: Option<Value>, expected: &Value) {
        assert_eq!(with_text("SAY THIS", data.as_ref()), *expected);
    }

    #[test]
    fn a_webhook_gets_what_is_said_with_the_data() {
        check(None, &json!({"text": "SAY THIS"}));
        check(Some(Value::Null), &json!({"text": "SAY THIS"}));
        check(Some(json!({"n": 1})), &json!({"n": 1, "text": "SAY THIS"}));
        check(Some(json!({"n": 1, "text": "own"})), &json!({"n": 1, "text": "own"}));
        check(Some(json!([1])), &json!({"text": "SAY THIS", "value": [1]}));
    }
}
