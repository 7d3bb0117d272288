//! May the task go on, and within what bounds?

use crate::samples::{manifest, noon, organisation, policy_of, settled, submitted, time, usd};
use neptune_contracts::{
    admission::Admission,
    finished::{Outcome, TaskError},
    names::{DataClass, Zone},
    task::TaskSubmitted,
};
use neptune_governance::domain::admit::{Decision, check_form, decide};
use serde_json::json;

fn decided(task: TaskSubmitted) -> Result<(Admission, String), (Outcome, TaskError)> {
    let policy = policy_of(&organisation());
    check_form(&task, &policy, noon())?;
    match decide(&settled(task, noon()), &policy, noon()) {
        Decision::Admit { admission, ceiling, budgets } => {
            assert!(budgets.is_empty());
            Ok((*admission, ceiling.to_string()))
        }
        Decision::Refuse(outcome, error) => Err((outcome, error)),
    }
}

fn change(change: impl FnOnce(&mut TaskSubmitted)) -> TaskSubmitted {
    let mut task = submitted("support", "hello");
    change(&mut task);
    task
}

#[track_caller]
fn check_models(task: TaskSubmitted, expected: &[&str]) {
    let (admission, _) = decided(task).unwrap();
    assert_eq!(admission.allowed_models, expected);
}

#[track_caller]
fn check_refused(task: TaskSubmitted, outcome: Outcome, code: &str, says: &str) {
    let (found, error) = decided(task).unwrap_err();
    assert_eq!((found, error.code.as_str()), (outcome, code));
    assert!(error.message.contains(says), "{}", error.message);
}

#[test]
fn a_team_gets_what_it_is_granted_and_hears_why_not_the_rest() {
    let (admission, _) = decided(submitted("support", "hello")).unwrap();
    assert_eq!(admission.allowed_models, ["meta/llama", "openai/large", "openai/small"]);
    let excluded: Vec<(&str, &str)> =
        admission.excluded_models.iter().map(|model| (model.model.as_str(), model.code.as_str())).collect();
    assert_eq!(excluded, [("anthropic/other", "no_grant"), ("openai/retired", "disabled"), ("own/private", "zone")]);
    assert_eq!(admission.allowed_zones, [Zone::External, Zone::Onprem]);
    assert_eq!(admission.policy_version, "r7");
    assert_eq!(admission.expires_at, time("2026-11-23T13:00:00Z"));
}

#[test]
fn a_task_may_narrow_its_models_itself() {
    let listed =
        |models: &[&str]| change(|task| task.constraints.models = models.iter().map(ToString::to_string).collect());
    check_models(listed(&["openai/small"]), &["openai/small"]);
    check_models(listed(&["small", "llama"]), &["meta/llama", "openai/small"]);
    check_models(listed(&["openai/small", "anthropic/other"]), &["openai/small"]);
    let (admission, _) = decided(listed(&["openai/small"])).unwrap();
    let unwanted: Vec<&str> = admission
        .excluded_models
        .iter()
        .filter(|model| model.code == "not_requested")
        .map(|model| model.model.as_str())
        .collect();
    assert_eq!(unwanted, ["meta/llama", "openai/large"]);
}

#[test]
fn a_model_in_place_of_a_route_is_the_only_one() {
    let named = |model: &str| change(|task| task.input.model = Some(model.into()));
    check_models(named("openai/small"), &["openai/small"]);
    check_models(named("large"), &["openai/large"]);
    for route in ["auto", "auto:cheap", "careful", "neptune/careful", "nowhere"] {
        check_models(named(route), &["meta/llama", "openai/large", "openai/small"]);
    }
    let both = |model: &str| {
        change(|task| (task.input.model, task.constraints.route) = (Some(model.into()), Some("auto:cheap".into())))
    };
    check_models(both("auto"), &["meta/llama", "openai/large", "openai/small"]);
    check_refused(both("openai/small"), Outcome::Rejected, "invalid_request", "constraints.route");
}

#[test]
fn nothing_left_is_refused_with_every_reason() {
    let named = |model: &str| change(|task| task.input.model = Some(model.into()));
    check_refused(
        named("anthropic/other"),
        Outcome::Rejected,
        "model_not_allowed",
        "anthropic/other: team support is not granted it",
    );
    check_refused(
        named("own/private"),
        Outcome::Rejected,
        "model_not_allowed",
        "own/private: team support may not reach zone private",
    );
    check_refused(named("openai/retired"), Outcome::Rejected, "model_not_allowed", "openai/retired: it is disabled");
    let unknown = change(|task| task.constraints.models = vec!["openai/none".into()]);
    check_refused(unknown, Outcome::Rejected, "model_not_allowed", "models that do not exist");
    check_refused(
        submitted("guests", "hello"),
        Outcome::Rejected,
        "model_not_allowed",
        "models are not granted to team guests",
    );
    check_refused(submitted("strangers", "hello"), Outcome::Rejected, "unknown_team", "there is no team strangers");
}

#[test]
fn a_key_must_be_the_teams_own_and_fit_to_call() {
    let with = |key: &str| change(|task| task.key = Some(key.into()));
    assert!(decided(with("good")).is_ok());
    for (key, says) in [
        ("void", "disabled"),
        ("old", "expired"),
        ("boss", "admin"),
        ("foreign", "no such key"),
        ("none", "no such key"),
    ] {
        check_refused(with(key), Outcome::Rejected, "key_not_valid", says);
    }
}

#[test]
fn the_smaller_cap_holds_and_bounds_what_is_reserved() {
    // 4096 tokens of the dearest allowed model, at 100 dollars a million.
    let check = |cap: Option<&str>, models: &[&str], max_cost: &str, ceiling: &str| {
        let task = change(|task| {
            task.constraints.max_cost_usd = cap.map(usd);
            task.constraints.models = models.iter().map(ToString::to_string).collect();
        });
        let (admission, found) = decided(task).unwrap();
        assert_eq!((admission.max_cost_usd, found.as_str()), (Some(usd(max_cost)), ceiling));
    };
    check(None, &[], "0.5", "0.4096");
    check(Some("0.7"), &[], "0.5", "0.4096");
    check(Some("0.25"), &[], "0.25", "0.25");
    check(None, &["openai/small"], "0.5", "0.004096");
    check(Some("0"), &[], "0", "0");
}

#[test]
fn a_class_is_only_ever_raised() {
    let check = |team: &str, declared: Option<DataClass>, expected: DataClass| {
        let mut task = submitted(team, "hello");
        task.constraints.class = declared;
        assert_eq!(decided(task).unwrap().0.class, expected);
    };
    check("support", None, DataClass::Internal);
    check("support", Some(DataClass::Public), DataClass::Internal);
    check("support", Some(DataClass::Confidential), DataClass::Confidential);
    check("legal", Some(DataClass::Public), DataClass::Restricted);
}

#[test]
fn restricted_data_goes_to_controlled_places_only() {
    let restricted = |models: &[&str]| {
        change(|task| {
            task.constraints.class = Some(DataClass::Restricted);
            task.constraints.models = models.iter().map(ToString::to_string).collect();
        })
    };
    let (admission, _) = decided(restricted(&[])).unwrap();
    assert_eq!(admission.allowed_models, ["meta/llama"]);
    assert!(!admission.allowed_zones.contains(&Zone::External), "{:?}", admission.allowed_zones);
    let reasons = admission.excluded_models.iter().filter(|excluded| excluded.code == "class").count();
    assert_eq!(reasons, 2, "{:?}", admission.excluded_models);
    check_refused(
        restricted(&["openai/small"]),
        Outcome::Rejected,
        "model_not_allowed",
        "restricted data does not go to models on the internet",
    );
}

#[test]
fn the_form_is_checked_first_and_a_past_deadline_expires() {
    check_refused(
        change(|task| task.input.messages.clear()),
        Outcome::Rejected,
        "invalid_request",
        "input.messages: no message given",
    );
    check_refused(
        change(|task| task.constraints.deadline = Some(noon())),
        Outcome::Expired,
        "deadline_exceeded",
        "past",
    );
    let (_, error) = decided(change(|task| (task.input.temperature, task.input.n) = (Some(9.0), Some(0)))).unwrap_err();
    assert_eq!(
        error.problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(),
        ["input.temperature", "input.n"]
    );
    let soon = time("2026-11-23T12:00:05Z");
    let (admission, _) = decided(change(|task| task.constraints.deadline = Some(soon))).unwrap();
    assert_eq!(admission.expires_at, soon);
}

#[test]
fn budgets_of_the_team_and_of_everybody_count() {
    let mut manifests = organisation();
    manifests.push(manifest("Budget", "everybody", json!({"limitUsd": "9", "period": "month"})));
    manifests.push(manifest("Budget", "support-daily", json!({"team": "support", "limitUsd": "1", "period": "day"})));
    manifests.push(manifest("Budget", "legal-daily", json!({"team": "legal", "limitUsd": "1", "period": "day"})));
    let policy = policy_of(&manifests);
    let Decision::Admit { budgets, .. } = decide(&settled(submitted("support", "hello"), noon()), &policy, noon())
    else {
        panic!("refused");
    };
    let scopes: Vec<String> = budgets.iter().map(|budget| budget.scope(noon()).key).collect();
    assert_eq!(scopes, ["everybody:2026-11", "support-daily:2026-11-23"]);
}
