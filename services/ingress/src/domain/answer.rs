//! From a finished fact to an HTTP status and the headers that explain it.

use neptune_contracts::{
    attempt::{Attempt, ErrorClass},
    finished::{Outcome, TaskError, TaskFinished},
    task::CacheMode,
};
use std::collections::BTreeSet;

/// Within this time, in milliseconds, a client may as well try again by itself.
const SOON_MS: u64 = 60_000;

/// What an error means over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The status.
    pub status: u16,
    /// OpenAI's name for the kind of error.
    pub kind: &'static str,
    /// Whether clients should try again by themselves; nothing leaves it to them.
    pub retry: Option<bool>,
}

/// What `error` means over HTTP. A code that is not known here means what its outcome means.
#[must_use]
pub fn meaning(outcome: Outcome, error: &TaskError) -> Meaning {
    let of = |kind, retry| Meaning { status: error.status(outcome), kind, retry };
    match error.code.as_str() {
        "invalid_request"
        | "context_length_exceeded"
        | "max_tokens_exceeded"
        | "capability_missing"
        | "no_model_on_route"
        | "cost_limit_reached"
        | "model_not_found" => of("invalid_request_error", Some(false)),
        "model_not_allowed" => of("permission_error", Some(false)),
        // What is only held for other tasks is free again in a moment.
        "budget_exceeded" => of("insufficient_quota", Some(error.retry_after_ms.is_some_and(|ms| ms <= SOON_MS))),
        // The models' limits, not the caller's; there is room again by the time it says.
        "rate_limit_exceeded" => of("rate_limit_error", Some(true)),
        "budget_unavailable" | "no_capacity" => of("service_unavailable", Some(true)),
        _ => match outcome {
            Outcome::Rejected => of("permission_error", Some(false)),
            Outcome::NoRoute => of("service_unavailable", Some(false)),
            Outcome::Expired => of("timeout_error", Some(false)),
            Outcome::Cancelled => of("cancelled_error", Some(false)),
            Outcome::Failed => of("upstream_error", None),
            Outcome::Completed => of("api_error", None),
        },
    }
}

/// Headers that explain a finished task.
#[must_use]
pub fn headers(finished: &TaskFinished) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-neptune-task-id", finished.id.to_string()),
        ("x-neptune-cost-usd", finished.cost_usd.to_string()),
        ("x-neptune-attempts", finished.attempts.len().to_string()),
        ("x-neptune-fallbacks", fallbacks(finished).to_string()),
        (
            "x-neptune-overhead-ms",
            format!("{}.{:03}", finished.times.added_us / 1_000, finished.times.added_us % 1_000),
        ),
    ];
    if let Some(winner) = finished.winner() {
        headers.push(("x-neptune-model", winner.model.clone()));
        headers.push(("x-neptune-provider", winner.provider.clone()));
    }
    if let Some(hit) = &finished.cache {
        headers.push(("x-neptune-model", hit.model.clone()));
        headers.push(("x-neptune-provider", hit.provider.clone()));
        headers.push(("x-neptune-cache", if hit.kind == CacheMode::Near { "near" } else { "exact" }.to_owned()));
        headers.push(("x-neptune-cache-task", hit.task.to_string()));
    }
    if let Some(route) = &finished.route {
        headers.push(("x-neptune-route", route.route.clone()));
        if !route.relaxed.is_empty() {
            headers.push(("x-neptune-relaxed", route.relaxed.join(",")));
        }
    }
    if let Some(admission) = &finished.admission {
        headers.push(("x-neptune-policy", admission.policy_version.clone()));
    }
    headers
}

/// Models that failed, or whose answers would not do, so that another one had to answer.
fn fallbacks(finished: &TaskFinished) -> usize {
    let has_failed = |attempt: &&Attempt| match &attempt.error {
        Some(error) => error.class != ErrorClass::Cancelled,
        None => attempt.validation.as_ref().is_some_and(|validation| !validation.passed),
    };
    let failed: BTreeSet<&str> =
        finished.attempts.iter().filter(has_failed).map(|attempt| attempt.model.as_str()).collect();
    match finished.winner() {
        Some(winner) => failed.len() - usize::from(failed.contains(winner.model.as_str())),
        None => failed.len().saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_reason_has_its_status() {
        for (outcome, code, status, retry) in [
            (Outcome::Rejected, "invalid_request", 400, Some(false)),
            (Outcome::Failed, "context_length_exceeded", 400, Some(false)),
            (Outcome::Failed, "cost_limit_reached", 402, Some(false)),
            (Outcome::NoRoute, "model_not_found", 404, Some(false)),
            (Outcome::NoRoute, "context_length_exceeded", 400, Some(false)),
            (Outcome::NoRoute, "max_tokens_exceeded", 400, Some(false)),
            (Outcome::NoRoute, "capability_missing", 400, Some(false)),
            (Outcome::NoRoute, "no_model_on_route", 400, Some(false)),
            (Outcome::NoRoute, "cost_limit_reached", 402, Some(false)),
            (Outcome::Rejected, "model_not_allowed", 403, Some(false)),
            (Outcome::NoRoute, "model_not_allowed", 403, Some(false)),
            (Outcome::Rejected, "unknown_team", 403, Some(false)),
            (Outcome::Rejected, "a_rule_of_tomorrow", 403, Some(false)),
            (Outcome::Rejected, "budget_exceeded", 429, Some(false)),
            (Outcome::Rejected, "budget_unavailable", 503, Some(true)),
            (Outcome::NoRoute, "no_capacity", 503, Some(true)),
            (Outcome::NoRoute, "no_route", 503, Some(false)),
            (Outcome::Expired, "deadline_exceeded", 504, Some(false)),
            (Outcome::Failed, "rate_limit_exceeded", 429, Some(true)),
            (Outcome::Failed, "upstream_failed", 502, None),
            (Outcome::Failed, "dead_letter", 502, None),
        ] {
            let error =
                TaskError { code: code.into(), message: String::new(), problems: Vec::new(), retry_after_ms: None };
            let found = meaning(outcome, &error);
            assert_eq!((found.status, found.retry), (status, retry), "{code}");
        }
    }

    fn of_sample(name: &str) -> String {
        let path = format!("{}/../../shared/contracts/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        let finished = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        headers(&finished)
            .into_iter()
            .map(|(name, value)| format!("{}={value} ", name.trim_start_matches("x-neptune-")))
            .collect()
    }

    #[test]
    fn only_models_that_failed_are_fallen_back_from() {
        let attempt = |model: &str, error: Option<ErrorClass>| match error {
            Some(class) => neptune_testkit::builders::failed(model, class),
            None => neptune_testkit::builders::answered(model),
        };
        let path =
            format!("{}/../../shared/contracts/tests/golden/task.finished.v1.0.json", env!("CARGO_MANIFEST_DIR"));
        let golden: TaskFinished = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let check = |attempts: Vec<Attempt>, wanted| {
            assert_eq!(fallbacks(&TaskFinished { attempts, ..golden.clone() }), wanted);
        };
        let (overload, cancelled) = (Some(ErrorClass::Overload), Some(ErrorClass::Cancelled));
        check(vec![attempt("a", None)], 0);
        check(vec![attempt("a", overload), attempt("b", None)], 1);
        check(vec![attempt("a", overload), attempt("b", overload), attempt("a", overload), attempt("c", None)], 2);
        // Called once more; raced; asked together with others.
        check(vec![attempt("a", overload), attempt("a", None)], 0);
        check(vec![attempt("a", cancelled), attempt("b", None)], 0);
        check(vec![attempt("a", None), attempt("b", None), attempt("c", None)], 0);
        check(vec![attempt("a", overload), attempt("a", overload)], 0);
        check(vec![attempt("a", overload), attempt("b", overload)], 1);
    }

    #[test]
    fn headers_explain_how_the_answer_came_about() {
        assert_eq!(
            of_sample("task.finished.v1.0.json"),
            "task-id=0199f2aa-0000-7000-8000-000000000001 cost-usd=0.000445 attempts=2 fallbacks=0 overhead-ms=1.200 model=openai/gpt-4.1 provider=openai route=auto relaxed=quality policy=r17 "
        );
        assert_eq!(
            of_sample("task.finished.v1.rejected.json"),
            "task-id=0199f2aa-0000-7000-8000-000000000001 cost-usd=0 attempts=0 fallbacks=0 overhead-ms=0.000 "
        );
    }
}
