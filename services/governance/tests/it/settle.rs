//! What a finished task settles.

use crate::samples::{manifest, noon, organisation, policy_of, settled, submitted, time, usd};
use neptune_contracts::{
    Timestamp,
    admission::{Admission, Hold, Task},
    finished::{Outcome, TaskFinished},
};
use neptune_governance::domain::{
    admit::{Decision, decide, refusal},
    budget::{hold_expiry, hold_id, hold_name},
    policy::Policy,
    settle::{Settlement, Stored},
};
use serde_json::json;

fn settlement(finished: &TaskFinished, policy: &Policy) -> Option<Settlement> {
    let stored = Stored { sequence: 7, at: noon() };
    let found = neptune_governance::domain::settle::settlement(finished, stored, policy);
    assert!(found.iter().all(|found| found.stored == stored));
    found
}

fn policy() -> Policy {
    let mut manifests = organisation();
    manifests.push(manifest("Budget", "daily", json!({"team": "support", "limitUsd": "1", "period": "day"})));
    policy_of(&manifests)
}

fn admission(task: &Task, policy: &Policy, now: Timestamp) -> Admission {
    let Decision::Admit { admission, .. } = decide(task, policy, now) else { panic!("refused") };
    *admission
}

fn finished(task: &Task, admission: Option<Admission>, cost: &str) -> TaskFinished {
    let fact = TaskFinished::without_attempts(task, Outcome::Failed, refusal("test", "ended by a test"), noon());
    TaskFinished { admission, cost_usd: usd(cost), ..fact }
}

#[test]
fn a_task_settles_where_it_was_let_go_on() {
    let policy = policy();
    let task = settled(submitted("support", "hello"), time("2026-11-22T23:59:59Z"));
    // Admitted before midnight and finished after it.
    let mut admission = admission(&task, &policy, time("2026-11-22T23:59:59Z"));
    let found = settlement(&finished(&task, Some(admission.clone()), "0.3"), &policy).unwrap();
    assert_eq!((found.scopes, found.cost), (vec!["daily:2026-11-22".to_owned()], usd("0.3")));
    assert_eq!(found.hold, hold_name(&task.team, task.origin, task.id));
    // The hold says more than the budgets that are in force by now.
    let budgets = vec!["gone:2026-10".to_owned()];
    admission.hold = Some(Hold { id: hold_id(task.id), amount_usd: usd("1"), budgets: budgets.clone() });
    assert_eq!(settlement(&finished(&task, Some(admission), "0.3"), &policy).unwrap().scopes, budgets);
}

#[test]
fn a_refused_task_releases_what_an_earlier_delivery_may_have_held() {
    let task = settled(submitted("support", "hello"), noon());
    let found = settlement(&finished(&task, None, "0"), &policy()).unwrap();
    assert_eq!((found.scopes, found.cost), (vec!["daily:2026-11-23".to_owned()], usd("0")));
}

#[test]
fn without_a_budget_there_is_nothing_to_settle() {
    for team in ["guests", "strangers"] {
        let task = settled(submitted(team, "hello"), noon());
        assert_eq!(settlement(&finished(&task, None, "0.3"), &policy()), None);
    }
}

#[test]
fn a_hold_outlives_its_admission_by_a_minute_and_lasts_a_day_at_most() {
    let check = |deadline: Option<&str>, expected: &str| {
        let mut task = submitted("support", "hello");
        task.constraints.deadline = deadline.map(time);
        let admission = admission(&settled(task, noon()), &policy(), noon());
        assert_eq!(hold_expiry(&admission), time(expected));
    };
    check(None, "2026-11-23T13:01:00Z");
    check(Some("2026-11-23T12:00:10Z"), "2026-11-23T12:01:10Z");
    check(Some("2126-11-23T12:00:00Z"), "2026-11-24T12:01:00Z");
}
