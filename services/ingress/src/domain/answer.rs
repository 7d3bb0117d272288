//! From a finished fact to an HTTP status and the headers that explain it.

use neptune_contracts::finished::{Outcome, TaskError, TaskFinished};

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

/// What `error` means over HTTP.
#[must_use]
pub fn meaning(outcome: Outcome, error: &TaskError) -> Meaning {
    let of = |status, kind, retry| Meaning { status, kind, retry };
    match error.code.as_str() {
        "invalid_request" | "context_length_exceeded" => of(400, "invalid_request_error", Some(false)),
        "model_not_found" => of(404, "invalid_request_error", Some(false)),
        "model_not_allowed" | "unknown_team" | "key_not_valid" => of(403, "permission_error", Some(false)),
        "budget_exceeded" => of(429, "insufficient_quota", Some(false)),
        "cost_limit_reached" => of(402, "invalid_request_error", Some(false)),
        "budget_unavailable" | "no_capacity" => of(503, "service_unavailable", Some(true)),
        "no_route" => of(503, "service_unavailable", Some(false)),
        "deadline_exceeded" => of(504, "timeout_error", Some(false)),
        _ if outcome == Outcome::Failed => of(502, "upstream_error", None),
        _ => of(500, "api_error", None),
    }
}

/// Headers that explain a finished task.
#[must_use]
pub fn headers(finished: &TaskFinished) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-neptune-task-id", finished.id.to_string()),
        ("x-neptune-cost-usd", finished.cost_usd.to_string()),
        ("x-neptune-attempts", finished.attempts.len().to_string()),
        ("x-neptune-fallbacks", finished.attempts.len().saturating_sub(1).to_string()),
        ("x-neptune-overhead-ms", format!("{}.{:03}", finished.times.added_us / 1_000, finished.times.added_us % 1_000)),
    ];
    if let Some(winner) = finished.winner() {
        headers.push(("x-neptune-model", winner.model.clone()));
        headers.push(("x-neptune-provider", winner.provider.clone()));
    }
    if let Some(route) = &finished.route {
        headers.push(("x-neptune-route", route.route.clone()));
    }
    if let Some(admission) = &finished.admission {
        headers.push(("x-neptune-policy", admission.policy_version.clone()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_status() {
        for (outcome, code, status, retry) in [
            (Outcome::Rejected, "invalid_request", 400, Some(false)),
            (Outcome::NoRoute, "model_not_found", 404, Some(false)),
            (Outcome::Rejected, "model_not_allowed", 403, Some(false)),
            (Outcome::Rejected, "budget_exceeded", 429, Some(false)),
            (Outcome::NoRoute, "no_capacity", 503, Some(true)),
            (Outcome::Expired, "deadline_exceeded", 504, Some(false)),
            (Outcome::Failed, "upstream_failed", 502, None),
            (Outcome::Failed, "dead_letter", 502, None),
        ] {
            let error = TaskError { code: code.into(), message: String::new(), problems: Vec::new(), retry_after_ms: None };
            let found = meaning(outcome, &error);
            assert_eq!((found.status, found.retry), (status, retry), "{code}");
        }
    }
}
