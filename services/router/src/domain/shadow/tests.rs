#![allow(clippy::unwrap_used)]
use super::*;
use neptune_contracts::admission::Finding;
use neptune_testkit::builders;

fn spec(share: f64) -> ShadowSpec {
    ShadowSpec {
        models: vec!["a/first".into(), "b/new".into(), "c/forbidden".into()],
        share,
        max_cost_usd_per_day: "1".parse().unwrap(),
        nursery: None,
    }
}

fn check(change: impl FnOnce(&mut Task, &mut Admission), wanted: &[&str]) {
    let (mut task, mut admission) = (builders::task("support", "hello"), builders::admission(&["a/first", "b/new"]));
    change(&mut task, &mut admission);
    assert_eq!(shadows(&task, &admission, "a/first", &spec(1.0)), wanted);
}

#[test]
fn only_what_is_allowed_and_not_sensitive_is_copied_and_no_copy_is() {
    check(|_, _| {}, &["b/new"]);
    check(|_, admission| admission.class = DataClass::Confidential, &[]);
    check(|_, admission| admission.findings.push(Finding { kind: "EMAIL".into(), count: 1 }), &[]);
    check(|task, _| task.origin = Origin::Shadow, &[]);
    check(|_, admission| admission.allowed_models.retain(|model| model != "b/new"), &[]);
}

#[test]
fn so_many_are_copied_as_the_route_says_and_the_same_ones_again() {
    let admission = builders::admission(&["a/first", "b/new"]);
    let tasks: Vec<Task> = (0..4_000).map(|_| builders::task("support", "hello")).collect();
    let copied = |task: &&Task| !shadows(task, &admission, "a/first", &spec(0.05)).is_empty();
    let first: Vec<TaskId> = tasks.iter().filter(copied).map(|task| task.id).collect();
    assert!((140..260).contains(&first.len()), "{} of 4000 at 5 %", first.len());
    let again: Vec<TaskId> = tasks.iter().filter(copied).map(|task| task.id).collect();
    assert_eq!(first, again);
}

#[test]
fn a_copy_is_the_same_question_with_nobody_to_answer() {
    let mut task = builders::task("support", "hello");
    task.deliver.push(serde_json::from_str(r#"{"channel": "webhook", "to": "https://hooks.example/x"}"#).unwrap());
    task.key = Some("k1".into());
    let route: Explanation = serde_json::from_value(serde_json::json!({
        "route": "auto", "task_type": "chat", "task_type_by": "declared", "task_type_confidence": 1.0, "config_revision": 1,
        "value_usd": "0.02", "because": "", "decided_in_us": 1, "removed": [], "candidates": [],
    }))
    .unwrap();
    let copied = copy(&task, &builders::admission(&[]), &route, "b/new", PicoUsd(7));
    assert_eq!(copied.input.messages, task.input.messages);
    assert_eq!(copied.input.model.as_deref(), Some("b/new"));
    assert_eq!((copied.origin, copied.constraints.lane, copied.key), (Origin::Shadow, Lane::Batch, None));
    assert!(copied.deliver.is_empty() && copied.constraints.cache.is_none());
    assert_eq!(copied.metadata.get(SHADOW_OF).unwrap().as_str().unwrap(), task.id.to_string());
    assert_eq!(copied.id, Some(copy_id(task.id, "b/new")));
    assert_ne!(copy_id(task.id, "b/new"), copy_id(task.id, "a/first"));
}
