//! What the end of a task is like, as an HTTP status: the same for clients of the ingress and in the errors of runs.

use super::{Outcome, TaskError};

impl TaskError {
    /// The HTTP status that says how a task ended that ended as `outcome` with this error. Below 500 the same request
    /// fails again, 429 apart; a code that is not known here means what its outcome means.
    #[must_use]
    pub fn status(&self, outcome: Outcome) -> u16 {
        match self.code.as_str() {
            "invalid_request"
            | "context_length_exceeded"
            | "max_tokens_exceeded"
            | "capability_missing"
            | "no_model_on_route" => 400,
            "cost_limit_reached" => 402,
            "model_not_allowed" => 403,
            "model_not_found" => 404,
            "budget_exceeded" | "rate_limit_exceeded" => 429,
            "budget_unavailable" | "no_capacity" => 503,
            _ => of_outcome(outcome),
        }
    }
}

fn of_outcome(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Rejected => 403,
        Outcome::NoRoute => 503,
        Outcome::Expired => 504,
        Outcome::Cancelled => 409,
        Outcome::Failed => 502,
        Outcome::Completed => 500,
    }
}
