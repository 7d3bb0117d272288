//! Tasks that other models do too, unseen by the caller: which, and as what.
//!
//! A copy is a task of its own, of the origin `shadow`, in the batch lane. Its id follows from the
//! task's and the model's, so that however often a task is routed its copy is the same one. It goes
//! through governance like any other and costs its team's budgets. Copies are made of nothing that
//! is sensitive, and never of copies.

use neptune_contracts::{
    PicoUsd,
    admission::{Admission, Task},
    ids::TaskId,
    names::{DataClass, Lane, Origin},
    plan::Explanation,
    resource::{Resources, ShadowSpec},
    shadow::{SHADOW_MODEL, SHADOW_OF},
    task::{Constraints, TaskSubmitted},
};
use serde_json::{Map, Value};

use super::{
    estimate::{Work, estimate},
    statistics::Statistics,
};

/// The models that do `task` too by its route: none of those that governance leaves out, and not
/// `first`, which does it anyway.
#[must_use]
pub fn shadows(task: &Task, admission: &Admission, first: &str, spec: &ShadowSpec) -> Vec<String> {
    // Vectors of different models cannot be compared.
    if is_sensitive(admission) || task.origin == Origin::Shadow || task.input.embedding.is_some() {
        return Vec::new();
    }
    let is_taken = |model: &&String| {
        model.as_str() != first
            && admission.allowed_models.contains(model)
            && is_drawn(copy_id(task.id, model), spec.share)
    };
    spec.models.iter().filter(is_taken).cloned().collect()
}

/// Why `model` gets no tasks of the route yet: it has not answered as many copies as the route asks.
#[must_use]
pub fn nursery(spec: Option<&ShadowSpec>, model: &str, statistics: &Statistics) -> Option<String> {
    let (spec, wanted) = spec.and_then(|spec| Some((spec, spec.nursery?)))?;
    let answered = statistics.models.get(model).map_or(0, |measured| measured.shadow_answers);
    let is_held_back = answered < wanted && spec.models.iter().any(|name| name == model);
    is_held_back.then(|| format!("it is in the nursery: it has answered {answered} of {wanted} copies"))
}

/// The copy of `task` for `model`.
#[must_use]
pub fn copy(task: &Task, admission: &Admission, route: &Explanation, model: &str, cost: PicoUsd) -> TaskSubmitted {
    let mut input = task.input.clone();
    input.model = Some(model.to_owned());
    let labels = [(SHADOW_OF, task.id.to_string()), (SHADOW_MODEL, model.to_owned())];
    TaskSubmitted {
        id: Some(copy_id(task.id, model)),
        team: Some(task.team.clone()),
        origin: Origin::Shadow,
        task_type: Some(route.task_type),
        constraints: Constraints {
            lane: Lane::Batch,
            class: Some(admission.class),
            max_cost_usd: Some(cost),
            ..Constraints::default()
        },
        output: task.output.clone(),
        metadata: labels.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>(),
        ..TaskSubmitted::new(task.team.clone(), input)
    }
}

/// The id of the copy of a task for a model: always the same.
#[must_use]
pub fn copy_id(task: TaskId, model: &str) -> TaskId {
    TaskId::derive(task.0, &format!("shadow.{model}"))
}

/// The most that a copy of `task` for `model` is expected to cost; nothing when there is no such model.
#[must_use]
pub fn cost(task: &Task, route: &Explanation, model: &str, resources: &Resources) -> Option<PicoUsd> {
    let spec = resources.models.get(model)?;
    Some(estimate(&Work::of(task, route.task_type), spec, None, 0).cautious_cost)
}

/// Whether nobody but who was asked may see the task.
pub(super) fn is_sensitive(admission: &Admission) -> bool {
    admission.class >= DataClass::Confidential || !admission.findings.is_empty()
}

/// Whether the task `id` about another one belongs to `share` of them, by a lot that is as good as
/// drawn: the end of the id, which is a hash.
pub(super) fn is_drawn(id: TaskId, share: f64) -> bool {
    let bits = u32::try_from(id.0.as_u128() & 0xffff_ffff).unwrap_or(0);
    f64::from(bits) < share * (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests;
