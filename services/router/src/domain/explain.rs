//! The reason for a decision, in words.

use super::{
    choose::{Wish, utility},
    estimate::Estimate,
    filter::{Eligible, Request},
    limit::Fault,
    route::Policy,
    task_type::Kind,
};
use neptune_contracts::{
    admission::not_granted,
    finished::TaskError,
    plan::{Kept, Removed},
    problem::shortlist,
};
use std::fmt::Write as _;

/// What was chosen, and from what.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// By what it was chosen.
    pub policy: &'a Policy<'a>,
    /// The kind of work.
    pub kind: &'a Kind,
    /// The models that were weighed, best first.
    pub ranked: &'a [Eligible<'a>],
    /// The one to try first.
    pub first: &'a Eligible<'a>,
    /// What gave way so that any model was left.
    pub relaxed: &'a [Wish],
    /// It is tried although another is expected to be better.
    pub explored: bool,
    /// It is the model of the task's session.
    pub kept: Option<&'a Kept>,
    /// The least expected quality that was asked for; 0 when none was.
    pub min_quality: f64,
}

/// Why the first was chosen, in one sentence.
#[must_use]
pub fn because(choice: &Choice<'_>) -> String {
    let (policy, first) = (choice.policy, choice.first);
    let numbers = numbers(&first.estimate);
    let mut text = if !policy.pinned.is_empty() {
        format!("the caller asked for {} ({numbers})", policy.name)
    } else if first.fallback_only {
        format!("route {} falls back on {}, because no candidate is left ({numbers})", policy.name, first.name)
    } else {
        compared(choice, &numbers)
    };
    if !choice.relaxed.is_empty() {
        let given_up: Vec<&str> = choice.relaxed.iter().map(|wish| wish.as_str()).collect();
        let _ = write!(text, "; no model met every constraint, so {} gave way", given_up.join(" and "));
    }
    text
}

fn numbers(estimate: &Estimate) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds fits")]
    let seconds = estimate.latency_ms as f64 / 1_000.0;
    let cost = estimate.cost.as_usd_f64();
    format!("expected quality {:.2}, success {:.3}, ${cost:.6}, {seconds:.1} s", estimate.quality, estimate.success)
}

fn compared(choice: &Choice<'_>, numbers: &str) -> String {
    let (name, route, task_type) = (choice.first.name, choice.policy.name, choice.kind.task_type);
    let rivals: Vec<&Eligible<'_>> =
        choice.ranked.iter().filter(|option| !option.fallback_only && option.name != name).collect();
    let Some(next) = rivals.first() else {
        return match choice.policy.part {
            Some(part) => {
                format!(
                    "{name} is what is left in part {part} of route {route}, to which the task's lot fell ({numbers})"
                )
            }
            None => format!("{name} is the only candidate left for {task_type} on route {route} ({numbers})"),
        };
    };
    let worth = |option: &Eligible<'_>| utility(&option.estimate, option.estimate.success, &choice.policy.weights);
    if let Some(Kept { behind_usd, change_usd, .. }) = choice.kept.filter(|kept| kept.behind_usd > 0.0) {
        return format!(
            "{name} goes on with its session on route {route} ({numbers}): {} is expected to be worth ${behind_usd:.6} more, which is less than the ${change_usd:.6} that a change costs",
            next.name
        );
    }
    if choice.explored {
        let behind = worth(next) - worth(choice.first);
        return format!(
            "{name} is tried for {task_type} on route {route} ({numbers}), to learn from it: {} is expected to be worth ${behind:.6} more",
            next.name
        );
    }
    let (count, lead) = (rivals.len() + 1, worth(choice.first) - worth(next));
    format!(
        "{name} is worth the most of {count} candidates for {task_type} on route {route} ({numbers}), ${lead:.6} more than {}",
        next.name
    )
}

/// Why no model is left for `request`. `back_in_ms` is set when one is left but for its circuit or rate limit; else
/// `fault` says what the task itself asks for that no model gives.
#[must_use]
pub fn no_model(
    (request, policy): (&Request<'_>, &Policy<'_>),
    removed: &[Removed],
    back_in_ms: Option<u64>,
    fault: Option<Fault>,
) -> TaskError {
    let ungranted = |removed: &&Removed| request.admission.was_never_granted(&removed.model);
    let unknown = not_granted(removed.iter().filter(ungranted).count(), &request.task.team);
    // Those that came closest are told first.
    let is_far = |removed: &&Removed| matches!(removed.by.as_str(), "governance" | "route" | "constraint");
    let (far, near): (Vec<&Removed>, Vec<&Removed>) =
        removed.iter().filter(|removed| !ungranted(removed)).partition(is_far);
    let reason = |removed: &Removed| format!("{}: {}", removed.model, removed.reason);
    let reasons: Vec<String> = near.into_iter().chain(far).map(reason).chain(unknown).collect();
    let reasons = if reasons.is_empty() { "none is configured".to_owned() } else { shortlist(&reasons, "models") };
    let is_governed = !removed.is_empty() && removed.iter().all(|removed| removed.by == "governance");
    let (code, remedy, problems) = match (back_in_ms, fault) {
        (Some(_), _) => ("no_capacity", "try again later".to_owned(), Vec::new()),
        (None, Some(Fault { code, problem })) => (code, format!("{problem}"), vec![problem]),
        (None, None) if is_governed => {
            ("model_not_allowed", "ask for other models, or for the right to use these".to_owned(), Vec::new())
        }
        (None, None) => ("no_route", "offer more models".to_owned(), Vec::new()),
    };
    let message = format!("route {} leaves no model for this task ({reasons}); {remedy}", policy.name);
    TaskError { code: code.to_owned(), message, problems, retry_after_ms: back_in_ms }
}
