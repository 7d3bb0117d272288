//! May the task go on, and within what bounds?

use super::ceiling::ceiling;
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Exclusion, Task},
    finished::{Outcome, TaskError},
    names::DataClass,
    resource::{KeyRole, ModelSpec, Resources, TeamSpec},
    task::TaskSubmitted,
};

/// An admission without a deadline is void after an hour.
const VALID_MS: i64 = 3_600_000;

/// What was decided, before any money is held.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// It may go on. The signature and the hold are still to be filled in.
    Admit {
        /// The bounds.
        admission: Box<Admission>,
        /// The most the task can cost within them.
        ceiling: PicoUsd,
    },
    /// It may not.
    Refuse(Outcome, TaskError),
}

/// Checks the form of a task.
///
/// # Errors
/// The refusal that names every fault.
pub fn check_form(submitted: &TaskSubmitted, now: Timestamp) -> Result<(), (Outcome, TaskError)> {
    if submitted.constraints.deadline.is_some_and(|deadline| deadline <= now) {
        return Err((Outcome::Expired, refusal("deadline_exceeded", "constraints.deadline is past; give a time to come")));
    }
    let problems = submitted.problems(now);
    if problems.is_empty() {
        return Ok(());
    }
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err((Outcome::Rejected, TaskError { problems, ..refusal("invalid_request", &text.join("; ")) }))
}

/// Decides about a well-formed task by the resources in force.
#[must_use]
pub fn decide(task: &Task, resources: &Resources, now: Timestamp) -> Decision {
    let Some(team) = resources.teams.get(task.team.as_str()) else {
        return refuse("unknown_team", &format!("there is no team {}; declare it as a Team resource", task.team));
    };
    if let Err(error) = check_key(task, resources, now) {
        return Decision::Refuse(Outcome::Rejected, error);
    }
    let class = team.class.max(task.constraints.class.unwrap_or(DataClass::Public));
    let (allowed, excluded) = sort_models(task, team, resources);
    if allowed.is_empty() {
        let reasons: Vec<String> = excluded.iter().map(|excluded| format!("{}: {}", excluded.model, excluded.reason)).collect();
        let text = format!("no model may see this task ({})", if reasons.is_empty() { "none is configured".into() } else { reasons.join("; ") });
        return refuse("model_not_allowed", &text);
    }
    let max_cost_usd = [team.max_cost_usd, task.constraints.max_cost_usd].into_iter().flatten().min();
    let models: Vec<&ModelSpec> = allowed.iter().filter_map(|name| resources.models.get(name)).collect();
    let ceiling = ceiling(task, &models).min(max_cost_usd.unwrap_or(PicoUsd::MAX));
    let admission = Admission {
        admitted_at: now,
        expires_at: task.constraints.deadline.unwrap_or_else(|| now.plus_millis(VALID_MS)),
        class,
        findings: Vec::new(),
        allowed_models: allowed,
        excluded_models: excluded,
        allowed_zones: team.zones.clone(),
        max_cost_usd,
        hold: None,
        policy_version: format!("r{}", resources.revision),
        input_sha256: String::new(),
        signed_by: String::new(),
        signature: String::new(),
    };
    Decision::Admit { admission: Box::new(admission), ceiling }
}

fn check_key(task: &Task, resources: &Resources, now: Timestamp) -> Result<(), TaskError> {
    let Some(id) = &task.key else { return Ok(()) };
    let key = resources.keys.get(id).filter(|key| key.team == task.team);
    let fault = match key {
        None => "the team has no such key",
        Some(key) if key.disabled => "the key is disabled",
        Some(key) if key.expires_at.is_some_and(|expiry| expiry <= now) => "the key has expired",
        Some(key) if key.role == KeyRole::Admin => "an admin key cannot call models",
        Some(_) => return Ok(()),
    };
    Err(refusal("key_not_valid", &format!("{fault}; use another key")))
}

/// The models that may see the task, and why the others may not.
fn sort_models(task: &Task, team: &TeamSpec, resources: &Resources) -> (Vec<String>, Vec<Exclusion>) {
    let (mut allowed, mut excluded) = (Vec::new(), Vec::new());
    for (name, model) in &resources.models {
        match why_not(name, model, task, team) {
            None => allowed.push(name.clone()),
            Some((code, reason)) => excluded.push(Exclusion { model: name.clone(), code: code.into(), reason }),
        }
    }
    (allowed, excluded)
}

fn why_not(name: &str, model: &ModelSpec, task: &Task, team: &TeamSpec) -> Option<(&'static str, String)> {
    let wanted = &task.constraints.models;
    if !team.models.iter().any(|pattern| matches(pattern, name)) {
        Some(("no_grant", format!("team {} is not granted it", task.team)))
    } else if !team.zones.contains(&model.zone) {
        Some(("zone", format!("team {} may not reach zone {}", task.team, model.zone)))
    } else if model.disabled {
        Some(("disabled", "it is disabled".into()))
    } else if !wanted.is_empty() && !wanted.iter().any(|wanted| is_named(wanted, name)) {
        Some(("not_requested", "constraints.models does not name it".into()))
    } else {
        None
    }
}

/// A name, or a prefix that ends in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// A full name, or one without its provider.
fn is_named(wanted: &str, name: &str) -> bool {
    wanted == name || name.split_once('/').is_some_and(|(_, bare)| bare == wanted)
}

fn refuse(code: &str, message: &str) -> Decision {
    Decision::Refuse(Outcome::Rejected, refusal(code, message))
}

/// A refusal without faults of the input.
#[must_use]
pub fn refusal(code: &str, message: &str) -> TaskError {
    TaskError { code: code.into(), message: message.into(), problems: Vec::new(), retry_after_ms: None }
}
