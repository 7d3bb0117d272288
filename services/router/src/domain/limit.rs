//! Which limit of the task itself leaves no model, and what would help.

use super::filter::{Limit, Request};
use neptune_contracts::{PicoUsd, problem::Problem};

/// What the task asks for that no model gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable name of the reason.
    pub code: &'static str,
    /// The field, the limit and the remedy.
    pub problem: Problem,
}

/// The limit to name, out of those that ruled models out: the one of the models that were closest.
/// Of several models the one that asks for the smallest change is named.
#[must_use]
pub fn fault(request: &Request<'_>, limits: &[(&str, Limit)]) -> Option<Fault> {
    let closest = limits.iter().map(|(_, limit)| stage(*limit)).max()?;
    let (name, limit) = limits
        .iter()
        .filter(|(_, limit)| stage(*limit) == closest)
        .max_by(|(_, left), (_, right)| ease(*left).cmp(&ease(*right)))?;
    Some(describe(request, name, *limit))
}

/// How far a model came before it was ruled out.
fn stage(limit: Limit) -> u8 {
    match limit {
        Limit::Route => 0,
        Limit::Models => 1,
        Limit::OnlyEmbeddings => 2,
        Limit::Embeddings => 3,
        Limit::Tools => 4,
        Limit::JsonSchema => 5,
        Limit::Vision => 6,
        Limit::Streaming => 7,
        Limit::Output { .. } => 8,
        Limit::Context { .. } => 9,
        Limit::Cost { .. } => 10,
    }
}

/// More is a smaller change to the task.
fn ease(limit: Limit) -> i128 {
    match limit {
        Limit::Output { most } => most.into(),
        Limit::Context { most, needed } => i128::from(most) - i128::from(needed),
        Limit::Cost { expected } => -i128::from(expected.0),
        _ => 0,
    }
}

fn describe(request: &Request<'_>, name: &str, limit: Limit) -> Fault {
    let of = |code, field: &str, message: String, remedy: &str| Fault {
        code,
        problem: Problem::new(field, message, remedy),
    };
    let unable = |field, what: &str| {
        let text = format!("no model that may do this task can {what}");
        of("capability_missing", field, text, "leave it out, or choose another route or other models")
    };
    match limit {
        Limit::Route => {
            let field = if request.task.constraints.route.is_some() { "constraints.route" } else { "input.model" };
            let text = "the route names no model that the team may use".to_owned();
            of("no_model_on_route", field, text, "choose another route, such as auto")
        }
        Limit::Models => {
            let text = "none of the models it names is on the route and may do this task".to_owned();
            of("no_model_on_route", "constraints.models", text, "name other models or another route, or leave it out")
        }
        Limit::OnlyEmbeddings => {
            let text = format!("the model gives embeddings, and answers nothing ({name})");
            of("capability_missing", "input.model", text, "ask for its vectors by POST /v1/embeddings, or name another")
        }
        Limit::Embeddings => {
            let text = format!("no model that may do this task can give embeddings ({name} cannot)");
            let remedy = "name a model that can (capabilities.embeddings of its resource)";
            of("capability_missing", "input.model", text, remedy)
        }
        Limit::Tools => unable("input.tools", "call tools"),
        Limit::JsonSchema => unable("input.response_format", "follow a JSON Schema"),
        Limit::Vision => unable("input.messages", "see images"),
        Limit::Streaming => unable("input.stream", "say its answer piece by piece"),
        Limit::Output { most } => {
            let field = if request.task.input.max_completion_tokens.is_some() {
                "input.max_completion_tokens"
            } else {
                "input.max_tokens"
            };
            let text = format!("more output than any model gives: the limit is {most} tokens ({name})");
            of("max_tokens_exceeded", field, text, &format!("allow {most} or less"))
        }
        Limit::Context { most, needed } => {
            let text = format!("{needed} tokens with the output, the largest context has {most} ({name})");
            of("context_length_exceeded", "input.messages", text, "shorten the input, or allow less output")
        }
        Limit::Cost { expected } => cost(request, name, expected),
    }
}

/// The cap is the team's own or the caller's, whichever is lower.
fn cost(request: &Request<'_>, name: &str, expected: PicoUsd) -> Fault {
    let cap = request.admission.max_cost_usd.unwrap_or_default();
    let text = format!("{cap} US dollars; the cheapest model, {name}, is expected to cost {expected}");
    let (field, remedy) = if request.task.constraints.max_cost_usd == Some(cap) {
        ("constraints.max_cost_usd", format!("allow {expected} or more, shorten the input, or allow less output"))
    } else {
        ("(team).maxCostUsd", "shorten the input, allow less output, or ask for a higher limit of the team".to_owned())
    };
    Fault { code: "cost_limit_reached", problem: Problem::new(field, text, remedy) }
}
