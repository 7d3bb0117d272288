//! Whether a stored answer serves for another task, and the fact of that task.

use neptune_contracts::{
    Timestamp,
    admission::TaskAdmitted,
    finished::{CacheHit, Outcome, TaskFinished, Times},
    task::CacheMode,
};

/// The fact of `admitted`, answered by what `source` was answered; nothing when that will not do:
/// it failed, was cut off, is older than `ttl_seconds`, came from a model that the task may not
/// use, or was itself answered from the cache.
#[must_use]
pub fn served(
    admitted: &TaskAdmitted,
    source: TaskFinished,
    (kind, likeness): (CacheMode, f64),
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
        kind,
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
            added_us: task.micros_at_work(now),
        },
        ..TaskFinished::without_calls(task, Outcome::Completed, now)
    })
}

/// Whether every choice of the answer came to its end by itself.
fn is_whole(source: &TaskFinished) -> bool {
    if source.holds_vectors() {
        return true;
    }
    let choices = source.output.as_ref().and_then(|output| output.get("choices")?.as_array());
    let is_ended = |choice: &serde_json::Value| {
        choice
            .get("finish_reason")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|reason| matches!(reason, "stop" | "tool_calls"))
    };
    choices.is_some_and(|choices| !choices.is_empty() && choices.iter().all(is_ended))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::{PicoUsd, admission::Task, names::Zone};
    use neptune_testkit::builders;
    use serde_json::json;

    fn admitted() -> TaskAdmitted {
        TaskAdmitted { task: builders::task("support", "hello"), admission: builders::admission(&["a/small"]) }
    }

    fn source(task: &Task) -> TaskFinished {
        let cost_usd: PicoUsd = "0.004".parse().unwrap();
        TaskFinished {
            output: Some(json!({"choices": [{"finish_reason": "stop", "message": {"content": "hi"}}]})),
            attempts: vec![builders::answered("a/small")],
            cost_usd,
            ..TaskFinished::without_calls(task, Outcome::Completed, task.submitted_at)
        }
    }

    fn check(change: impl FnOnce(&mut TaskAdmitted, &mut TaskFinished), serves: bool) {
        let mut admitted = admitted();
        let mut source = source(&builders::task("support", "hello"));
        change(&mut admitted, &mut source);
        let now = source.times.finished_at.plus_millis(59_000);
        let fact = served(&admitted, source.clone(), (CacheMode::Exact, 1.0), (60, now));
        assert_eq!(fact.is_some(), serves, "{source:?}");
        let Some(fact) = fact else { return };
        assert_eq!((fact.id, fact.cost_usd, &fact.output), (admitted.task.id, PicoUsd::ZERO, &source.output));
        let hit = fact.cache.unwrap();
        assert_eq!((hit.task, hit.saved_usd, hit.model.as_str()), (source.id, source.cost_usd, "a/small"));
    }

    #[test]
    fn an_answer_serves_only_while_it_would_be_allowed_and_whole() {
        check(|_, _| {}, true);
        check(|_, source| source.times.finished_at = source.times.finished_at.plus_millis(-2_000), true);
        check(|admitted, _| admitted.admission.allowed_models = vec!["b/other".into()], false);
        check(|admitted, _| admitted.admission.allowed_zones = vec![Zone::Onprem], false);
        check(|_, source| source.team = "sales".parse().unwrap(), false);
        check(|_, source| source.outcome = Outcome::Failed, false);
        check(|_, source| source.attempts.clear(), false);
        check(|_, source| source.output = None, false);
        check(|_, source| source.output = Some(json!({"choices": [{"finish_reason": "length"}]})), false);
        check(|_, source| source.output = Some(json!({"choices": []})), false);
        check(|_, source| source.output = Some(json!({"object": "list", "data": []})), true);
    }

    #[test]
    fn an_answer_that_is_too_old_does_not_serve() {
        let (admitted, source) = (admitted(), source(&builders::task("support", "hello")));
        let late = source.times.finished_at.plus_millis(60_000);
        assert_eq!(served(&admitted, source, (CacheMode::Exact, 1.0), (60, late)), None);
    }
}
