//! The decision: a plan and its reason, or why there is none.

use super::{
    estimate::estimate,
    filter::{WISHES, never, unavailable, unmet},
    policy::{Policy, Unknown, resolve},
    recognise::recognise,
    statistics::Statistics,
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    finished::TaskError,
    names::TaskType,
    plan::{Candidate, Explanation, Plan, PlannedAttempt, Removed, Strategy},
    resource::Resources,
};

/// Factor on the success of a model at the endpoint that has just failed: they share their fate.
const SHARED_FATE: f64 = 0.3;

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The task.
    pub task: &'q Task,
    /// Its bounds.
    pub admission: &'q Admission,
    /// The resources in force.
    pub resources: &'q Resources,
    /// What is known of the models.
    pub statistics: &'q Statistics,
    /// The time.
    pub now: Timestamp,
}

/// Decides. Nothing outside governance's set is ever in a plan, and a plan is never empty.
///
/// # Errors
/// The reason there is no model to try.
pub fn choose(question: Question<'_>) -> Result<Plan, TaskError> {
    let policy = resolve(question.task, question.resources).map_err(|unknown| unknown_model(&unknown))?;
    let (task_type, by, confidence) = task_type(question.task);
    let mut removed = Vec::new();
    let mut reset: Option<Timestamp> = None;
    let mut weighed = Vec::new();
    for (name, model) in &question.resources.models {
        if let Some(reason) = never(name, model, question.task, question.admission, &policy) {
            removed.push(reason);
        } else if let Some((reason, until)) = unavailable(name, question.statistics, question.now) {
            reset = reset.map_or(Some(until), |reset| Some(reset.min(until)));
            removed.push(reason);
        } else {
            weighed.push(estimate(name, model, question.statistics.of(name), question.task, task_type, &policy));
        }
    }
    if weighed.is_empty() {
        return Err(nothing_left(&policy, &removed, reset, question.now));
    }
    let (mut candidates, relaxed, unmet) = meet_wishes(question, &policy, weighed);
    removed.extend(unmet);
    candidates.sort_by(|left, right| right.utility_usd.total_cmp(&left.utility_usd).then_with(|| left.model.cmp(&right.model)));
    let attempts = order(question, &policy, &candidates);
    let strategy = if attempts.len() == 1 { Strategy::Single } else { Strategy::Fallback };
    let explanation = Explanation {
        because: because(&policy, &candidates, &attempts, task_type),
        route: policy.name,
        task_type,
        task_type_by: by.into(),
        task_type_confidence: confidence,
        config_revision: question.resources.revision,
        statistics_age_ms: question.statistics.read_at.map(|read_at| question.now.micros_since(read_at) / 1_000),
        value_usd: usd(policy.value_usd),
        removed,
        candidates,
        relaxed,
        decided_in_us: 0,
    };
    Ok(Plan { routed_at: question.now, strategy, attempts, explanation })
}

fn task_type(task: &Task) -> (TaskType, &'static str, f64) {
    if let Some(declared) = task.task_type {
        return (declared, "declared", 1.0);
    }
    let recognised = recognise(&task.input);
    let by = if recognised.confidence > 0.0 { "recognised" } else { "default" };
    (recognised.task_type, by, recognised.confidence)
}

/// The candidates that meet all wishes; when there are none, wishes are given up one by one.
fn meet_wishes(question: Question<'_>, policy: &Policy, weighed: Vec<Candidate>) -> (Vec<Candidate>, Vec<String>, Vec<Removed>) {
    let Question { task, admission, now, .. } = question;
    let mut relaxed: Vec<String> = Vec::new();
    for wish in WISHES {
        if weighed.iter().any(|candidate| unmet(candidate, task, admission, policy, now, &relaxed).is_none()) {
            break;
        }
        relaxed.push(wish.into());
    }
    let mut reasons = Vec::new();
    let mut kept = Vec::new();
    for candidate in weighed {
        match unmet(&candidate, task, admission, policy, now, &relaxed) {
            None => kept.push(candidate),
            Some(reason) => reasons.push(reason),
        }
    }
    (kept, relaxed, reasons)
}

/// The attempts: best first, or by the route's own hierarchy, each next one weighed as if the
/// endpoints before it were down.
fn order(question: Question<'_>, policy: &Policy, candidates: &[Candidate]) -> Vec<PlannedAttempt> {
    let mut left: Vec<&Candidate> = candidates.iter().collect();
    let mut chosen: Vec<&Candidate> = Vec::new();
    let mut failed_endpoints: Vec<&str> = Vec::new();
    let endpoint = |name: &str| question.resources.models.get(name).map_or("", |model| model.endpoint.as_str());
    while chosen.len() < policy.max_attempts.max(1) && !left.is_empty() {
        let weigh = |candidate: &Candidate| {
            let shared = if failed_endpoints.contains(&endpoint(&candidate.model)) { SHARED_FATE } else { 1.0 };
            let worth = policy.value_usd * candidate.success * candidate.quality;
            candidate.utility_usd - worth * (1.0 - shared)
        };
        let named = policy.fallback.iter().find_map(|name| left.iter().position(|candidate| candidate.model == *name));
        let best = (0..left.len()).max_by(|a, b| {
            let value = |index: &usize| left.get(*index).map_or(f64::MIN, |candidate| weigh(candidate));
            value(a).total_cmp(&value(b)).then_with(|| b.cmp(a))
        });
        let Some(index) = named.or(best) else { break };
        let next = left.remove(index);
        failed_endpoints.push(endpoint(&next.model));
        chosen.push(next);
    }
    chosen.into_iter().filter_map(|candidate| planned(question, candidate)).collect()
}

fn planned(question: Question<'_>, candidate: &Candidate) -> Option<PlannedAttempt> {
    let model = question.resources.models.get(&candidate.model)?;
    Some(PlannedAttempt {
        model: candidate.model.clone(),
        zone: model.zone,
        timeout_ms: model.timeout_ms,
        expected_cost_usd: candidate.cost_usd,
        expected_latency_ms: candidate.latency_ms,
    })
}

fn because(policy: &Policy, candidates: &[Candidate], attempts: &[PlannedAttempt], task_type: TaskType) -> String {
    let of = |name: &str| candidates.iter().find(|candidate| candidate.model == name);
    let Some(first) = attempts.first().and_then(|attempt| of(&attempt.model)) else { return String::new() };
    let facts = format!(
        "{}: quality {:.2} for {task_type}, {:.1} % success, {} US dollars, {} ms",
        first.model,
        first.quality,
        first.success * 100.0,
        first.cost_usd,
        first.latency_ms
    );
    let runner_up = candidates.iter().find(|candidate| candidate.model != first.model);
    match runner_up {
        _ if policy.fallback.contains(&first.model) => format!("{} puts {facts} first", policy.name),
        None => format!("{facts}; the only model left"),
        Some(other) => {
            format!("{facts}; worth {:.5} US dollars more than {} under {}", first.utility_usd - other.utility_usd, other.model, policy.name)
        }
    }
}

fn unknown_model(Unknown(name): &Unknown) -> TaskError {
    let message = format!("there is no model and no route {name:?}; GET /v1/models lists them");
    TaskError { code: "model_not_found".into(), message, problems: Vec::new(), retry_after_ms: None }
}

fn nothing_left(policy: &Policy, removed: &[Removed], reset: Option<Timestamp>, now: Timestamp) -> TaskError {
    let reasons: Vec<String> = removed.iter().map(|removed| format!("{} ({}: {})", removed.model, removed.by, removed.reason)).collect();
    let message = format!("no model is left under {}: {}", policy.name, reasons.join("; "));
    let retry_after_ms = reset.map(|reset| reset.micros_since(now) / 1_000 + 1);
    let code = if reset.is_some() { "no_capacity" } else { "no_route" };
    TaskError { code: code.into(), message, problems: Vec::new(), retry_after_ms }
}

/// A float of dollars as money, for the explanation only.
fn usd(dollars: f64) -> PicoUsd {
    format!("{dollars:.12}").parse().unwrap_or(PicoUsd::ZERO)
}
