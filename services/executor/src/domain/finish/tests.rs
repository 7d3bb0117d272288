#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::samples::{attempt, routed, start, usd};
use serde_json::json;

fn code_of(classes: &[ErrorClass]) -> String {
    let attempts: Vec<Attempt> = classes.iter().map(|class| attempt("m", Some(*class), "0")).collect();
    failure(End::Exhausted, attempts.iter()).1.code
}

fn answered() -> Answered {
    Answered { output: json!({}), by: AttemptId::mint() }
}

#[test]
fn the_fact_adds_up_over_all_executors() {
    let mut task = routed();
    let later = |millis: i64, attempt: Attempt| Attempt { started_at: start().plus_millis(millis), ..attempt };
    task.attempts_made = vec![attempt("a", Some(ErrorClass::Timeout), "0.25")];
    let made = vec![
        later(11, attempt("b", Some(ErrorClass::Network), "0.125")),
        // The second half of the first call, and half a call more.
        later(16, attempt("c", None, "0.5")),
        later(22, attempt("d", Some(ErrorClass::Cancelled), "0.1")),
    ];
    let (started_at, finished_at) = (start().plus_millis(2), start().plus_millis(33));
    let by = made[1].id;
    let result = Ok(Answered { output: json!({"model": "c"}), by });
    let fact = finished(task.clone(), Ending { result, made, started_at, finished_at });
    assert_eq!(fact.outcome, Outcome::Completed);
    assert_eq!(fact.winner().unwrap().model, "c");
    assert_eq!(fact.attempts.len(), 4);
    assert_eq!(fact.cost_usd, usd("0.975"));
    assert_eq!(fact.times.added_us, 2_000, "33 ms of which models took 10 and 21");
    assert_eq!((fact.times.started_at, fact.times.routed_at), (Some(started_at), Some(task.plan.routed_at)));
    assert_eq!((fact.route, fact.admission), (Some(task.plan.explanation), Some(task.admission)));
    assert_eq!((fact.metadata, fact.key), (task.task.metadata, task.task.key));
}

#[test]
fn a_wish_that_gave_way_is_a_warning() {
    let mut task = routed();
    task.plan.explanation.relaxed = vec!["quality".into(), "latency".into()];
    task.task.constraints.min_quality = Some(0.99);
    let (started_at, finished_at) = (start(), start());
    let fact = finished(task, Ending { result: Ok(answered()), made: Vec::new(), started_at, finished_at });
    let fields: Vec<&str> = fact.warnings.iter().map(|warning| warning.field.as_str()).collect();
    assert_eq!(fields, ["constraints.min_quality"], "the task asked for no latency, its route did");
}

#[test]
fn the_code_is_the_class_that_all_failures_share() {
    use ErrorClass::{Auth, BadRequest, ContextLength, Network, Overload, Quota, RateLimit, Refusal, Timeout};
    for (classes, wanted) in [
        (vec![RateLimit, RateLimit], "rate_limit_exceeded"),
        (vec![ContextLength], "context_length_exceeded"),
        (vec![Auth, Quota], "upstream_credentials_exhausted"),
        (vec![Refusal], "content_refused"),
        (vec![Timeout], "upstream_timeout"),
        (vec![Overload], "upstream_failed"),
        (vec![RateLimit, Network], "upstream_failed"),
        (vec![RateLimit, BadRequest], "invalid_request"),
        (vec![], "upstream_failed"),
    ] {
        assert_eq!(code_of(&classes), wanted, "{classes:?}");
    }
}

#[test]
fn the_error_names_each_model_and_the_earliest_retry() {
    let mut first = attempt("a", Some(ErrorClass::RateLimit), "0");
    first.error.as_mut().unwrap().retry_after_ms = Some(9_000);
    let mut second = attempt("b", Some(ErrorClass::Overload), "0");
    second.error.as_mut().unwrap().retry_after_ms = Some(2_000);
    let (outcome, error) = failure(End::Exhausted, [&first, &second].into_iter());
    assert_eq!((outcome, error.retry_after_ms), (Outcome::Failed, Some(2_000)));
    assert_eq!(error.message, "no model answered: a: rate limited (why); b: overloaded (why)");
}

#[test]
fn other_ends_say_what_to_do() {
    let (outcome, error) = failure(End::Expired, std::iter::empty());
    assert_eq!((outcome, error.code.as_str()), (Outcome::Expired, "deadline_exceeded"));
    let end = End::OverCost { spent: usd("0.7"), next: usd("0.4"), limit: usd("1") };
    let (outcome, error) = failure(end, [attempt("a", Some(ErrorClass::Timeout), "0.7")].iter());
    assert_eq!((outcome, error.code.as_str()), (Outcome::Failed, "cost_limit_reached"));
    for part in ["0.7 US dollars", "cost 0.4", "limit of 1", "max_cost_usd", "a: timed out"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    let (outcome, error) = failure(End::AdmissionExpired, std::iter::empty());
    assert_eq!((outcome, error.code.as_str()), (Outcome::Failed, "admission_invalid"));
}

#[test]
fn an_answer_that_cannot_be_stored_keeps_its_cost() {
    let made = vec![attempt("a", None, "0.5")];
    let fact = finished(routed(), Ending { result: Ok(answered()), made, started_at: start(), finished_at: start() });
    let fact = without_output(fact, "too large".into());
    assert_eq!((fact.outcome, fact.output, fact.cost_usd), (Outcome::Failed, None, usd("0.5")));
    assert!(fact.error.unwrap().message.ends_with("too large"));
}

#[test]
fn answers_that_are_all_wrong_are_why_and_the_last_is_kept() {
    let wrong = |model: &str, problem: &str| {
        let validation = Validation { passed: false, repaired: false, problems: vec![problem.into()] };
        Attempt { validation: Some(validation), ..attempt(model, None, "0.1") }
    };
    let (first, second) = (wrong("a", "not JSON"), wrong("b", "/total: missing"));
    let output = json!({"choices": []});
    let ended = unanswered(End::Exhausted, &[&first, &second], Some(output.clone()));
    assert_eq!(
        (ended.outcome, ended.error.code.as_str(), &ended.output),
        (Outcome::Failed, "output_invalid", &Some(output))
    );
    assert_eq!(ended.error.message, "no answer is what output asks for (a: not JSON; b: /total: missing)");
    let problem = &ended.error.problems[0];
    assert_eq!((problem.field.as_str(), problem.message.as_str()), ("output", "/total: missing"));
    let failed = attempt("c", Some(ErrorClass::RateLimit), "0");
    let ended = unanswered(End::Exhausted, &[&first, &failed], None);
    assert!(ended.error.message.ends_with("; no model answered: c: rate limited (why)"), "{}", ended.error.message);
    let late = unanswered(End::Expired, &[&first], Some(json!({})));
    assert_eq!((late.outcome, late.error.code.as_str(), late.output), (Outcome::Expired, "deadline_exceeded", None));
}
