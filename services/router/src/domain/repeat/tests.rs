#![allow(clippy::unwrap_used)]
use super::*;
use crate::domain::lesson::tests::finished;
use neptune_contracts::{finished::TaskFinished, names::Lane};
use neptune_testkit::builders;

fn answered() -> TaskFinished {
    let mut finished = finished(&[("a/x", None)]);
    finished.admission = Some(builders::admission(&["a/x"]));
    finished.admission.as_mut().unwrap().input_sha256 = "input".into();
    finished
}

fn changed(change: impl FnOnce(&mut TaskFinished)) -> Option<String> {
    let mut finished = answered();
    change(&mut finished);
    asking(&finished).map(|asking| asking.sum)
}

#[test]
fn only_what_a_person_may_have_asked_is_compared() {
    assert!(changed(|_| {}).is_some());
    assert_eq!(changed(|task| task.lane = Lane::Batch), None);
    assert_eq!(changed(|task| task.origin = Origin::Run), None);
    assert_eq!(changed(|task| task.outcome = Outcome::Failed), None);
    assert_eq!(changed(|task| task.attempts.clear()), None);
    assert_eq!(changed(|task| task.admission = None), None);
}

#[test]
fn who_or_what_differs_is_another_asking() {
    let plain = changed(|_| {});
    assert_eq!(plain, changed(|task| task.id = neptune_contracts::ids::TaskId::mint()));
    assert_ne!(plain, changed(|task| task.team = "sales".parse().unwrap()));
    assert_ne!(plain, changed(|task| task.key = Some("k2".into())));
    assert_ne!(plain, changed(|task| task.admission.as_mut().unwrap().input_sha256 = "other".into()));
    let labelled = |task: &mut TaskFinished| {
        task.fingerprint.get_or_insert_default().metadata = Some("sum".into());
    };
    assert_ne!(plain, changed(labelled));
}

#[test]
fn only_a_rate_clearly_above_the_others_says_something() {
    let rate = |askings: f64, repeats: f64| Rate { askings, repeats };
    let others = rate(1_000.0, 10.0);
    assert!(rate(200.0, 20.0).is_above(others));
    assert!(!rate(1_000.0, 12.0).is_above(others), "chance");
    assert!(!rate(40.0, 20.0).is_above(others), "too few askings");
    assert!(!rate(200.0, 4.0).is_above(others), "too few repeats");
    assert!(!rate(200.0, 20.0).is_above(rate(0.0, 0.0)), "nothing to compare with");
}
