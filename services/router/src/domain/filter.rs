//! Which models cannot do a task at all, and which do not meet its wishes.

use super::{policy::Policy, statistics::Statistics};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    plan::{Candidate, Removed},
    resource::ModelSpec,
};

/// The reason a model can never be used for a task, whatever else is given up.
#[must_use]
pub fn never(name: &str, model: &ModelSpec, task: &Task, admission: &Admission, policy: &Policy) -> Option<Removed> {
    let removed = |by: &str, reason: String| Some(Removed { model: name.into(), by: by.into(), reason });
    if !admission.allowed_models.iter().any(|allowed| allowed == name) {
        let reason = admission.excluded_models.iter().find(|excluded| excluded.model == name);
        return removed("governance", reason.map_or_else(|| "governance did not admit it".into(), |excluded| excluded.reason.clone()));
    }
    if !admission.allowed_zones.contains(&model.zone) {
        return removed("governance", format!("the task may not reach zone {}", model.zone));
    }
    if !policy.candidates.is_empty() && !policy.candidates.iter().any(|candidate| candidate == name) {
        return removed("route", format!("{} does not name it", policy.name));
    }
    if model.disabled {
        return removed("constraint", "it is disabled".into());
    }
    incapable(model, task).and_then(|reason| removed("capability", reason))
}

/// What the model lacks for the task.
fn incapable(model: &ModelSpec, task: &Task) -> Option<String> {
    let (can, request) = (&model.capabilities, &task.input);
    let needed = request.estimated_input_tokens() + u64::from(request.output_limit().unwrap_or(256));
    if needed > can.context_tokens {
        return Some(format!("about {needed} tokens are needed, its window has {}", can.context_tokens));
    }
    if request.output_limit().is_some_and(|limit| u64::from(limit) > can.max_output_tokens) {
        return Some(format!("it writes at most {} tokens", can.max_output_tokens));
    }
    let lacks = [
        (request.has_tools() && !can.tools, "it calls no tools"),
        (request.wants_json_schema() && !can.json_schema, "it follows no JSON schema"),
        (request.has_images() && !can.vision, "it sees no images"),
    ];
    lacks.into_iter().find(|(lacking, _)| *lacking).map(|(_, reason)| reason.into())
}

/// The reason a model gets no traffic at the moment, and until when.
#[must_use]
pub fn unavailable(name: &str, statistics: &Statistics, now: Timestamp) -> Option<(Removed, Timestamp)> {
    let known = statistics.of(name)?;
    let until = known.open_until.filter(|until| *until > now)?;
    let reason = format!("{}; left alone until {until}", known.open_because);
    Some((Removed { model: name.into(), by: "circuit".into(), reason }, until))
}

/// Wishes in the order in which they are given up when nothing is left.
pub const WISHES: [&str; 3] = ["quality", "latency", "cost"];

/// The first wish, beyond those in `relaxed`, that a candidate does not meet.
#[must_use]
pub fn unmet(candidate: &Candidate, task: &Task, admission: &Admission, policy: &Policy, now: Timestamp, relaxed: &[String]) -> Option<Removed> {
    let holds = |wish: &str| !relaxed.iter().any(|given_up| given_up == wish);
    let removed = |by: &str, reason: String| Some(Removed { model: candidate.model.clone(), by: by.into(), reason });
    let cap: Option<PicoUsd> = admission.max_cost_usd;
    if let Some(cap) = cap.filter(|cap| holds("cost") && candidate.cost_usd > *cap) {
        return removed("cost", format!("expected to cost {} US dollars, the limit is {cap}", candidate.cost_usd));
    }
    let left_ms = task.constraints.deadline.map(|deadline| deadline.micros_since(now) / 1_000);
    let allowed_ms = [task.constraints.max_latency_ms, left_ms].into_iter().flatten().min();
    if let Some(allowed) = allowed_ms.filter(|allowed| holds("latency") && candidate.latency_ms > *allowed) {
        return removed("latency", format!("expected to take {} ms, the limit is {allowed}", candidate.latency_ms));
    }
    let floors = [task.constraints.min_quality, policy.min_quality];
    let floor = floors.into_iter().flatten().fold(0.0, f64::max);
    if holds("quality") && candidate.quality < floor {
        return removed("quality", format!("expected quality {:.2}, the floor is {floor:.2}", candidate.quality));
    }
    None
}
