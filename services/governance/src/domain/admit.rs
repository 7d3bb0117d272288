//! May the task go on, and within what bounds?

use super::{
    budget::Budget,
    ceiling::ceiling,
    policy::{AllowedModel, Policy, TeamPolicy},
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Exclusion, NO_GRANT, Task, not_granted},
    finished::{Outcome, TaskError},
    names::{DataClass, Zone},
    problem::shortlist,
    resource::KeyRole,
    task::{Constraints, TaskSubmitted},
};
use std::collections::HashSet;

/// An admission without a deadline is void after an hour.
const VALID_MS: i64 = 3_600_000;

/// What was decided, before any money is held.
#[derive(Debug, PartialEq)]
pub enum Decision<'p> {
    /// It may go on. The signature and the hold are still to be filled in.
    Admit {
        /// The bounds.
        admission: Box<Admission>,
        /// The most the task can cost within them.
        ceiling: PicoUsd,
        /// The budgets it is counted against.
        budgets: &'p [Budget],
    },
    /// It may not.
    Refuse(Outcome, TaskError),
}

/// Checks the form of a task.
///
/// # Errors
/// The refusal that names every fault.
pub fn check_form(submitted: &TaskSubmitted, policy: &Policy, now: Timestamp) -> Result<(), (Outcome, TaskError)> {
    if let Some(expired) = expired(&submitted.constraints, now) {
        return Err(expired);
    }
    let problems = submitted.problems(now, policy.resources());
    if problems.is_empty() {
        return Ok(());
    }
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err((Outcome::Rejected, TaskError { problems, ..refusal("invalid_request", &text.join("; ")) }))
}

/// How a task ends whose time is over at `now`.
#[must_use]
pub fn expired(constraints: &Constraints, now: Timestamp) -> Option<(Outcome, TaskError)> {
    let is_past = constraints.deadline.is_some_and(|deadline| deadline <= now);
    let error = || refusal("deadline_exceeded", "constraints.deadline is past; give a time to come");
    is_past.then(|| (Outcome::Expired, error()))
}

/// Decides about a well-formed task by the policy in force.
#[must_use]
pub fn decide<'p>(task: &Task, policy: &'p Policy, now: Timestamp) -> Decision<'p> {
    let Some(team) = policy.team(&task.team) else {
        return refuse("unknown_team", &format!("there is no team {}; declare it as a Team resource", task.team));
    };
    if let Err(error) = check_key(task, policy, now) {
        return Decision::Refuse(Outcome::Rejected, error);
    }
    let class = team.class.max(task.constraints.class.unwrap_or(DataClass::Public));
    let (allowed, excluded) = narrow(task, (team, class), policy);
    if allowed.is_empty() {
        return refuse("model_not_allowed", &nothing_left(task, policy, &excluded));
    }
    let max_cost_usd = [team.max_cost_usd, task.constraints.max_cost_usd].into_iter().flatten().min();
    let ceiling = ceiling(task, &allowed).min(max_cost_usd.unwrap_or(PicoUsd::MAX));
    let admission = Admission {
        admitted_at: now,
        expires_at: task.constraints.deadline.unwrap_or_else(|| now.plus_millis(VALID_MS)),
        class,
        findings: Vec::new(),
        allowed_models: allowed.into_iter().map(|model| model.name.clone()).collect(),
        excluded_models: excluded,
        allowed_zones: team.zones.iter().copied().filter(|zone| is_controlled(*zone, class)).collect(),
        max_cost_usd,
        hold: None,
        pace: Vec::new(),
        policy_version: policy.version.clone(),
        input_sha256: String::new(),
        terms_sha256: None,
        signed_by: String::new(),
        signature: String::new(),
    };
    Decision::Admit { admission: Box::new(admission), ceiling, budgets: &team.budgets }
}

fn check_key(task: &Task, policy: &Policy, now: Timestamp) -> Result<(), TaskError> {
    let Some(id) = &task.key else { return Ok(()) };
    // A key of another team is as good as none, and nothing tells that it exists.
    let fault = match policy.key(id).filter(|key| key.team == task.team) {
        None => "the team has no such key",
        Some(key) if key.disabled => "the key is disabled",
        Some(key) if key.expires_at.is_some_and(|expiry| expiry <= now) => "the key has expired",
        Some(key) if key.role == KeyRole::Admin => "an admin key cannot call models",
        Some(_) => return Ok(()),
    };
    Err(refusal("key_not_valid", &format!("{fault}; use another key")))
}

/// Whether data of `class` may go to `zone`.
fn is_controlled(zone: Zone, class: DataClass) -> bool {
    class < DataClass::Restricted || zone != Zone::External
}

/// The team's models that neither the data's class nor the task itself has ruled out, and why the
/// others are out.
fn narrow<'p>(
    task: &Task,
    (team, class): (&'p TeamPolicy, DataClass),
    policy: &Policy,
) -> (Vec<&'p AllowedModel>, Vec<Exclusion>) {
    let mut excluded = team.excluded.clone();
    let (fitting, outside): (Vec<_>, Vec<_>) = team.models.iter().partition(|model| is_controlled(model.zone, class));
    excluded.extend(outside.into_iter().map(|model| Exclusion {
        model: model.name.clone(),
        code: "class".into(),
        reason: format!("{class} data does not go to models on the internet"),
    }));
    let Some(requested) = policy.requested(task) else { return (fitting, excluded) };
    let (allowed, unwanted): (Vec<_>, Vec<_>) =
        fitting.into_iter().partition(|model| requested.contains(model.name.as_str()));
    excluded.extend(unwanted.into_iter().map(|model| Exclusion {
        model: model.name.clone(),
        code: "not_requested".into(),
        reason: "the task asks for other models".into(),
    }));
    (allowed, excluded)
}

fn nothing_left(task: &Task, policy: &Policy, excluded: &[Exclusion]) -> String {
    let requested = policy.requested(task);
    // What was asked for is told first.
    let is_other = |model: &str| requested.as_ref().is_some_and(|requested| !requested.contains(model));
    // And of what the team was never granted only that.
    let is_known = |excluded: &&Exclusion| {
        excluded.code != NO_GRANT
            || requested.as_ref().is_some_and(|requested| requested.contains(excluded.model.as_str()))
    };
    let (mut excluded, unknown): (Vec<&Exclusion>, Vec<&Exclusion>) = excluded.iter().partition(is_known);
    excluded.sort_by_key(|excluded| is_other(&excluded.model));
    let mut reasons: Vec<String> =
        excluded.iter().map(|excluded| format!("{}: {}", excluded.model, excluded.reason)).collect();
    if requested.as_ref().is_some_and(HashSet::is_empty) {
        let text = "the task asks for models that do not exist, or for a model that its own list leaves out";
        reasons.insert(0, text.to_owned());
    } else if reasons.is_empty() && unknown.is_empty() {
        reasons.push("none is configured".into());
    }
    reasons.extend(not_granted(unknown.len(), &task.team));
    format!("no model may see this task ({})", shortlist(&reasons, "models"))
}

fn refuse(code: &str, message: &str) -> Decision<'static> {
    Decision::Refuse(Outcome::Rejected, refusal(code, message))
}

/// A refusal without faults of the input.
#[must_use]
pub fn refusal(code: &str, message: &str) -> TaskError {
    TaskError { code: code.into(), message: message.into(), problems: Vec::new(), retry_after_ms: None }
}
