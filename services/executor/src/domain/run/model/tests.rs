#![allow(clippy::unwrap_used)]

use super::*;
use neptune_contracts::{admission::Admission, finished::TaskError, ids::TaskId};
use neptune_workflow::definition::{Builtin, Delivery, Function};

const BUDGET_PICO_USD: i64 = 1_000_000;

fn request() -> Request {
    Request {
        function: Function::Builtin(Builtin::Model),
        step: "ask".into(),
        pointer: "/do/0/ask".into(),
        arguments: json!({"input": "hi"}),
        deadline_ms: None,
        budget_pico_usd: Some(BUDGET_PICO_USD),
        sensitivity: 0,
        lowered: None,
        repair: None,
        delivery: Delivery::AtLeastOnce,
        is_awaited: true,
    }
}

fn fact(outcome: TaskOutcome, code: &str) -> TaskFinished {
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap();
    let task = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("hi"));
    let task = task.settle(TaskId::mint(), now).unwrap();
    let error = TaskError { code: code.into(), message: "told".into(), problems: Vec::new(), retry_after_ms: None };
    TaskFinished::without_attempts(&task, outcome, error, now)
}

#[track_caller]
fn check(outcome: TaskOutcome, code: &str, standard: Standard, status: i64) {
    let answer = answer(&request(), &fact(outcome, code));
    let Outcome::Problem(problem) = answer.outcome else { panic!("{code}") };
    assert_eq!((problem.kind.as_str(), problem.status), (standard.uri().as_str(), status), "{code}");
    assert!(problem.detail.unwrap().ends_with(&format!("told ({code})")), "{code}");
}

#[test]
fn what_would_fail_again_is_below_500_and_the_rest_may_be_tried_again() {
    for (code, status) in [
        ("model_not_found", 404),
        ("capability_missing", 400),
        ("context_length_exceeded", 400),
        ("max_tokens_exceeded", 400),
        ("no_model_on_route", 400),
        ("cost_limit_reached", 402),
    ] {
        check(TaskOutcome::NoRoute, code, Standard::Configuration, status);
    }
    check(TaskOutcome::NoRoute, "model_not_allowed", Standard::Authorization, 403);
    check(TaskOutcome::NoRoute, "no_capacity", Standard::Communication, 503);
    check(TaskOutcome::NoRoute, "no_route", Standard::Communication, 503);
    check(TaskOutcome::Rejected, "invalid_request", Standard::Configuration, 400);
    check(TaskOutcome::Rejected, "model_not_allowed", Standard::Authorization, 403);
    check(TaskOutcome::Rejected, "a_rule_of_tomorrow", Standard::Authorization, 403);
    check(TaskOutcome::Rejected, "budget_exceeded", Standard::Budget, 402);
    check(TaskOutcome::Rejected, "budget_unavailable", Standard::Communication, 503);
    check(TaskOutcome::Failed, "invalid_request", Standard::Configuration, 400);
    check(TaskOutcome::Failed, "context_length_exceeded", Standard::Configuration, 400);
    check(TaskOutcome::Failed, "cost_limit_reached", Standard::Configuration, 402);
    check(TaskOutcome::Failed, "output_invalid", Standard::Validation, 400);
    check(TaskOutcome::Failed, "rate_limit_exceeded", Standard::Communication, 429);
    check(TaskOutcome::Failed, "upstream_failed", Standard::Communication, 502);
    check(TaskOutcome::Expired, "deadline_exceeded", Standard::Timeout, 408);
    check(TaskOutcome::Cancelled, "cancelled", Standard::Communication, 499);
}

#[test]
fn only_the_requests_own_cap_is_told_as_one() {
    let is_over = |cap: i64, code: &str| {
        let admission: Admission = serde_json::from_value(json!({
            "admitted_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-15T08:05:00Z", "class": "public",
            "allowed_models": [], "allowed_zones": [], "max_cost_usd": PicoUsd(cap), "policy_version": "r1",
            "input_sha256": "", "signed_by": "g1", "signature": "",
        }))
        .unwrap();
        let fact = TaskFinished { admission: Some(admission), ..fact(TaskOutcome::NoRoute, code) };
        answer(&request(), &fact).is_over_budget
    };
    assert!(is_over(BUDGET_PICO_USD, "cost_limit_reached"));
    assert!(!is_over(BUDGET_PICO_USD, "no_capacity"));
    assert!(!is_over(BUDGET_PICO_USD / 2, "cost_limit_reached"), "the team's cap is lower");
    assert!(!answer(&request(), &fact(TaskOutcome::NoRoute, "cost_limit_reached")).is_over_budget);
}
