//! From a finished task to the deliveries it asked for.

use neptune_contracts::{
    delivery::{Delivery, DeliveryContent},
    finished::{Outcome, TaskFinished},
    ids::DeliveryId,
};
use serde_json::{Map, Value, json};

/// The deliveries of a finished task. Their ids and contents follow from the fact alone, so a fact
/// that comes again asks for the same ones.
#[must_use]
pub fn deliveries(fact: &TaskFinished) -> Vec<Delivery> {
    let content = content(fact);
    let class = fact.admission.as_ref().map(|admission| admission.class).unwrap_or_default();
    let delivery = |(index, spec): (usize, &_)| Delivery {
        id: DeliveryId::of_task(fact.id, index),
        team: fact.team.clone(),
        task: Some(fact.id),
        run: None,
        spec: Clone::clone(spec),
        class,
        requested_at: fact.times.finished_at,
        content: content.clone(),
    };
    fact.deliver.iter().enumerate().map(delivery).collect()
}

fn content(fact: &TaskFinished) -> DeliveryContent {
    DeliveryContent { event: format!("task.{}", fact.outcome.as_str()), text: text(fact), data: data(fact) }
}

/// What a person reads: the answer, or why there is none.
fn text(fact: &TaskFinished) -> String {
    if let Some(answer) = fact.text() {
        return answer.to_owned();
    }
    let what = match fact.outcome {
        Outcome::Completed => return format!("Task {} has completed. Its answer is not a text.", fact.id),
        Outcome::Rejected => "was refused",
        Outcome::NoRoute => "found no model",
        Outcome::Failed => "has failed",
        Outcome::Expired => "has expired",
        Outcome::Cancelled => "was cancelled",
    };
    match &fact.error {
        Some(error) => format!("Task {} {what}: {} ({})", fact.id, error.message, error.code),
        None => format!("Task {} {what}.", fact.id),
    }
}

/// What a system reads. An answer that is not a text is given whole.
fn data(fact: &TaskFinished) -> Value {
    let mut data = Map::new();
    data.insert("task".into(), json!(fact.id));
    data.insert("outcome".into(), json!(fact.outcome));
    data.insert("cost_usd".into(), json!(fact.cost_usd));
    let is_completed = fact.outcome == Outcome::Completed;
    let optional = [
        ("model", fact.winner().map(|attempt| json!(attempt.model))),
        ("text", fact.text().map(|text| json!(text))),
        ("output", fact.output.clone().filter(|_| is_completed && fact.text().is_none())),
        ("error", fact.error.as_ref().map(|error| json!({"code": error.code, "message": error.message}))),
        ("metadata", Some(json!(fact.metadata)).filter(|_| !fact.metadata.is_empty())),
    ];
    data.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(data)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use neptune_contracts::{
        PicoUsd, Timestamp, chat::ChatRequest, delivery::DeliverySpec, finished::TaskError, ids::TaskId,
        names::Channel, task::TaskSubmitted,
    };

    fn fact(outcome: Outcome, output: Option<Value>) -> TaskFinished {
        let mut task = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("x"));
        task.deliver = ["https://a.example", "https://b.example"]
            .map(|to| DeliverySpec { channel: Channel::Webhook, to: to.into(), subject: None })
            .to_vec();
        let now = Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap();
        let task = task.settle(TaskId::mint(), now).unwrap();
        let error = TaskError {
            code: "no_capacity".into(),
            message: "try later".into(),
            problems: Vec::new(),
            retry_after_ms: None,
        };
        let mut fact = TaskFinished::without_attempts(&task, outcome, error, now);
        fact.error = fact.error.filter(|_| output.is_none());
        fact.output = output;
        fact.cost_usd = PicoUsd(310_000_000);
        fact
    }

    #[test]
    fn each_entry_gets_its_own_delivery_and_always_the_same() {
        let fact = fact(Outcome::Completed, Some(json!({"choices": [{"message": {"content": "Paris"}}]})));
        let found = deliveries(&fact);
        assert_eq!(found, deliveries(&fact));
        assert_ne!(found[0].id, found[1].id);
        assert_eq!(found[1].spec.to, "https://b.example");
        assert_eq!(found[0].content.event, "task.completed");
        assert_eq!(found[0].content.text, "Paris");
        let expected = json!({"task": fact.id, "outcome": "completed", "cost_usd": "0.00031", "text": "Paris"});
        assert_eq!(found[0].content.data, expected);
    }

    #[test]
    fn an_answer_without_text_is_given_whole() {
        let output = json!({"choices": [{"message": {"content": null, "tool_calls": [1]}}]});
        let found = deliveries(&fact(Outcome::Completed, Some(output.clone())));
        assert_eq!(found[0].content.data["output"], output);
        assert!(found[0].content.text.ends_with("Its answer is not a text."));
    }

    #[test]
    fn an_answer_that_is_not_as_it_must_be_is_not_delivered() {
        let mut fact = fact(Outcome::Failed, Some(json!({"choices": [{"message": {"content": "perhaps"}}]})));
        let (code, message) = ("output_invalid".into(), "no answer is what output asks for".into());
        fact.error = Some(TaskError { code, message, problems: Vec::new(), retry_after_ms: None });
        let found = deliveries(&fact);
        assert!(found[0].content.text.ends_with("no answer is what output asks for (output_invalid)"));
        assert!(!found[0].content.data.to_string().contains("perhaps"));
    }

    #[test]
    fn a_failure_is_told_in_words() {
        let fact = fact(Outcome::NoRoute, None);
        let found = deliveries(&fact);
        assert_eq!(found[0].content.event, "task.no_route");
        assert_eq!(found[0].content.text, format!("Task {} found no model: try later (no_capacity)", fact.id));
        assert_eq!(found[0].content.data["error"]["code"], "no_capacity");
    }
}
