//! Answers that are not what the task asks for.

use crate::{
    upstream::Upstream,
    world::{World, planned},
};
use neptune_contracts::{
    PicoUsd,
    attempt::RE_ASK,
    finished::{Outcome, TaskFinished},
    names::Zone,
    plan::Strategy,
    task::{OutputSpec, TaskSubmitted},
};
use serde_json::json;

const RIGHT: &str = r#"{"total": 7}"#;
const WRONG: &str = r#"{"total": "seven"}"#;

fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

fn checked(task: &mut TaskSubmitted) {
    let schema = json!({"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}});
    task.output = Some(OutputSpec { schema: Some(schema), ..OutputSpec::default() });
}

/// A plan of `a` and `b`, which say these texts in turn.
async fn world(strategy: Strategy, a: &[&'static str], b: &[&'static str]) -> (World, Upstream, Upstream) {
    let attempts = vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)];
    let world = World::start_with((strategy, attempts, None), |_| {}).await;
    let (a, b) = (Upstream::saying(a).await, Upstream::saying(b).await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    (world, a, b)
}

fn verdicts(fact: &TaskFinished) -> Vec<(&str, bool, bool)> {
    let verdict = |attempt: &'_ neptune_contracts::attempt::Attempt| {
        let validation = attempt.validation.as_ref().unwrap();
        (validation.passed, validation.repaired)
    };
    fact.attempts
        .iter()
        .map(|attempt| {
            let (passed, repaired) = verdict(attempt);
            (attempt.model.as_str(), passed, repaired)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_told_to_its_model_which_puts_it_right() {
    let (world, a, b) = world(Strategy::Fallback, &[WRONG, RIGHT], &[RIGHT]).await;
    let task = world.submit(checked).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), &fact.error), (Outcome::Completed, Some(RIGHT), &None));
    assert_eq!(verdicts(&fact), [("acme/a", false, false), ("acme/a", true, false)]);
    let [first, second] = fact.attempts.as_slice() else { panic!("{fact:?}") };
    assert_eq!((first.purpose.as_deref(), second.purpose.as_deref()), (None, Some(RE_ASK)));
    assert_eq!(fact.answered_by, Some(second.id));
    assert_ne!(first.id, second.id, "a second call is a second attempt");
    assert_eq!(fact.cost_usd, usd("0.005"), "both are paid");
    let asked = a.asked();
    assert_eq!((asked.len(), b.calls()), (2, 0));
    assert_eq!(asked[0].body["response_format"]["json_schema"]["schema"]["required"], json!(["total"]));
    let messages = asked[1].body["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[1]["content"]), (3, &json!(WRONG)));
    assert!(messages[2]["content"].as_str().unwrap().contains("/total: value is not of type"), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_is_repaired_without_a_second_call() {
    let (world, a, _b) = world(Strategy::Fallback, &["Here it is:\n```json\n{'total': 7,}\n```"], &[RIGHT]).await;
    let task = world.submit(checked).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some(r#"{"total":7}"#)));
    assert_eq!(verdicts(&fact), [("acme/a", true, true)]);
    assert_eq!((a.calls(), fact.cost_usd), (1, usd("0.0025")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_asks_the_strong_model_at_once() {
    let (world, a, b) = world(Strategy::Cascade, &[WRONG], &[RIGHT]).await;
    let task = world.submit(checked).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some(RIGHT)));
    assert_eq!(verdicts(&fact), [("acme/a", false, false), ("acme/b", true, false)]);
    assert_eq!((a.calls(), b.calls(), fact.cost_usd), (1, 1, usd("0.005")));
    assert_eq!(fact.winner().unwrap().model, "acme/b");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_answer_is_right_the_task_fails_and_keeps_the_last() {
    let (world, a, b) = world(Strategy::Fallback, &[WRONG], &["It is seven."]).await;
    let task = world.submit(checked).await;
    let fact = world.finished(task).await;
    let error = fact.error.as_ref().unwrap();
    assert_eq!((fact.outcome, error.code.as_str()), (Outcome::Failed, "output_invalid"));
    assert!(error.problems[0].message.contains("not JSON"), "{error:?}");
    assert!(error.message.contains("acme/a: /total"), "{error:?}");
    assert_eq!(fact.output.as_ref().unwrap()["choices"][0]["message"]["content"], "It is seven.");
    assert_eq!((fact.text(), fact.winner()), (None, None), "it is no answer");
    assert_eq!((a.calls(), b.calls(), fact.attempts.len()), (2, 2, 4));
    assert_eq!(fact.cost_usd, usd("0.01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_checked_too_and_nothing_where_nothing_is_asked() {
    let (world, a, _b) = world(Strategy::Fallback, &["maybe", "bug", "maybe"], &["bug"]).await;
    let one_of = || vec!["bug".to_owned(), "billing".to_owned()];
    let task =
        world.submit(|task| task.output = Some(OutputSpec { one_of: Some(one_of()), ..OutputSpec::default() })).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len()), (Some("bug"), 2));
    assert!(a.asked()[0].body.get("response_format").is_none());
    let task = world.submit(|task| task.output = Some(OutputSpec::default())).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), &fact.attempts[0].validation), (Some("maybe"), &None));
}
