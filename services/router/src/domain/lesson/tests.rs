#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use neptune_contracts::{
    attempt::Validation,
    finished::Outcome,
    plan::{EvidenceLevel, Learning},
};
use neptune_testkit::builders;

/// A finished task whose answers were checked: model, passed and repaired.
pub(crate) fn finished(answers: &[(&str, Option<(bool, bool)>)]) -> TaskFinished {
    let task = builders::task("support", "hello");
    let attempt = |(model, checked): &(&str, Option<(bool, bool)>)| Attempt {
        validation: checked.map(|(passed, repaired)| Validation { passed, repaired, problems: Vec::new() }),
        ..builders::answered(model)
    };
    let level = EvidenceLevel { key: "*".into(), observations: 0.0 };
    let learning = Learning { levels: vec![level], ..Learning::default() };
    let mut route: Explanation = serde_json::from_value(serde_json::json!({
        "route": "auto", "task_type": "chat", "task_type_by": "declared", "task_type_confidence": 1.0,
        "config_revision": 1, "value_usd": "0.02", "removed": [], "candidates": [], "because": "", "decided_in_us": 9
    }))
    .unwrap();
    route.learning = Some(learning);
    TaskFinished {
        attempts: answers.iter().map(attempt).collect(),
        route: Some(route),
        ..TaskFinished::without_calls(&task, Outcome::Completed, task.submitted_at)
    }
}

fn check(answers: &[(&str, Option<(bool, bool)>)], expected: &[(&str, f64)]) {
    let lessons = of_validation(&finished(answers));
    let found: Vec<(&str, f64)> = lessons.iter().map(|lesson| (lesson.model.as_str(), lesson.signal.reward)).collect();
    assert_eq!(found, expected, "{answers:?}");
    assert!(lessons.iter().all(|lesson| lesson.signal.kind == Kind::Validation && lesson.contexts == ["*"]));
}

#[test]
fn each_model_is_judged_by_its_own_answers() {
    check(&[("a/x", None)], &[]);
    check(&[("a/x", Some((true, false)))], &[("a/x", 1.0)]);
    check(&[("a/x", Some((true, true)))], &[("a/x", REPAIRED_REWARD)]);
    check(&[("a/x", Some((false, false))), ("b/y", Some((true, false)))], &[("a/x", 0.0), ("b/y", 1.0)]);
    check(&[("a/x", Some((false, false))), ("a/x", Some((true, false)))], &[("a/x", ASKED_AGAIN_REWARD)]);
    check(&[("a/x", Some((false, false))), ("a/x", Some((false, true)))], &[("a/x", 0.0)]);
}

#[test]
fn a_task_that_was_not_routed_teaches_nothing() {
    let mut finished = finished(&[("a/x", Some((true, false)))]);
    finished.route = None;
    assert_eq!(of_validation(&finished), []);
    assert_eq!(of_repeat(&finished, 1), None);
}
