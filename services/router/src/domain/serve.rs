//! Whether a stored answer serves for another task, and the fact of that task.

use neptune_contracts::{
    Timestamp,
    admission::TaskAdmitted,
    finished::{CacheHit, Outcome, TaskFinished, Times},
};

/// The fact of `admitted`, answered by what `source` was answered; nothing when that will not do:
/// it failed, was cut off, is older than `ttl_seconds`, came from a model that the task may not
/// use, or was itself answered from the cache.
#[must_use]
pub fn served(
    admitted: &TaskAdmitted,
    source: TaskFinished,
    likeness: f64,
    (ttl_seconds, now): (u64, Timestamp),
) -> Option<TaskFinished> {
    let (task, admission) = (&admitted.task, &admitted.admission);
    let winner = source.winner()?.clone();
    let answered_at = source.times.finished_at;
    let is_fresh = now.micros_since(answered_at) < ttl_seconds.saturating_mul(1_000_000);
    let is_allowed = admission.allowed_models.contains(&winner.model) && admission.allowed_zones.contains(&winner.zone);
    let fits = source.outcome == Outcome::Completed && source.team == task.team && source.cache.is_none();
    if !(fits && is_fresh && is_allowed && is_whole(&source)) {
        return None;
    }
    let hit = CacheHit {
        task: source.id,
        likeness,
        model: winner.model,
        provider: winner.provider,
        answered_at,
        saved_usd: source.cost_usd,
    };
    Some(TaskFinished {
        output: source.output,
        cache: Some(hit),
        task_type: task.task_type.or(source.task_type),
        admission: Some(admission.clone()),
        times: Times {
            submitted_at: task.submitted_at,
            admitted_at: Some(admission.admitted_at),
            routed_at: Some(now),
            started_at: None,
            finished_at: now,
            added_us: now.micros_since(task.submitted_at),
        },
        ..TaskFinished::without_calls(task, Outcome::Completed, now)
    })
}

/// Whether every choice of the answer came to its end by itself.
fn is_whole(source: &TaskFinished) -> bool {
    let choices = source.output.as_ref().and_then(|output| output.get("choices")?.as_array());
    let is_ended = |choice: &serde_json::Value| {
        choice
            .get("finish_reason")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|reason| matches!(reason, "stop" | "tool_calls"))
    };
    choices.is_some_and(|choices| !choices.is_empty() && choices.iter().all(is_ended))
}
