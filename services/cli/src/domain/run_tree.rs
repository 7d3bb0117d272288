//! A run as a tree for people: its steps, how long they took, and what they cost.

use neptune_contracts::{
    PicoUsd, Timestamp,
    query::run::{RunView, StepView},
};
use serde_json::Value;

/// The widest column of names.
const NAME_CHARACTERS: usize = 40;
/// How much of a note or problem is shown.
const NOTE_CHARACTERS: usize = 200;
/// The widest state.
const STATE_CHARACTERS: usize = 9;

/// The run, its steps and its end.
#[must_use]
pub fn render(view: &RunView, now: Timestamp) -> String {
    let mut lines = vec![
        format!("run       {}", view.id),
        format!("team      {}", view.team),
        format!("workflow  {}", view.workflow),
        format!("state     {}", view.state),
        format!("took      {}", took(view.submitted_at, view.ended_at, now)),
        format!("cost      ${}", view.cost_usd),
    ];
    if !view.tags.is_empty() {
        lines.push(format!("tags      {}", view.tags.join(", ")));
    }
    lines.extend(view.class.map(|class| format!("class     {class}")));
    if let Some(parent) = &view.parent {
        lines.push(format!("step of   run {}, step {}", parent.run, parent.instance));
    }
    lines.push(String::new());
    lines.extend(steps(&view.steps, now));
    lines.extend(end(view));
    lines.join("\n").trim_end().to_owned()
}

/// What is new in a run since it was seen last: the lines of steps that began, went on or ended, and its end.
#[must_use]
pub fn news(before: &RunView, view: &RunView, now: Timestamp) -> Vec<String> {
    let is_new = |step: &StepView| {
        let known = before.steps.iter().find(|known| known.instance == step.instance);
        known.is_none_or(|known| known != step)
    };
    let told = view.steps.iter().zip(steps(&view.steps, now));
    let mut lines: Vec<String> = told.filter(|(step, _)| is_new(step)).map(|(_, line)| line).collect();
    if view.state != before.state {
        lines.push(format!("state     {}, ${} so far", view.state, view.cost_usd));
    }
    if view.ended_at.is_some() {
        lines.extend(end(view));
    }
    lines
}

/// The lines of steps, which may still go on.
fn steps(steps: &[StepView], now: Timestamp) -> Vec<String> {
    let width = steps.iter().map(|step| label(step, steps).chars().count()).max().unwrap_or(0).min(NAME_CHARACTERS);
    let line = |step: &StepView| {
        let cost = if step.cost_usd == PicoUsd::ZERO { String::new() } else { format!("${}", step.cost_usd) };
        let took = took(step.started_at, step.ended_at, now);
        let (label, state, notes) = (label(step, steps), &step.state, notes(step, now));
        format!("{label:width$}  {state:STATE_CHARACTERS$}  {took:>9}  {cost:<14} {notes}").trim_end().to_owned()
    };
    steps.iter().map(line).collect()
}

/// The name of a step at its depth. Iterations and branches are numbered where there are several of them.
fn label(step: &StepView, steps: &[StepView]) -> String {
    let is_first_of_many = || {
        let own = steps.iter().position(|other| other.instance == step.instance).unwrap_or(0);
        let after = steps.iter().skip(own + 1).take_while(|other| other.level >= step.level);
        after.filter(|other| other.level == step.level).any(|other| other.slot == 1)
    };
    let slot = if step.slot > 0 || is_first_of_many() { format!(" [{}]", step.slot) } else { String::new() };
    format!("{}{}{slot}", "  ".repeat(step.level), step.name)
}

/// How long something took, or takes by now.
pub(super) fn took(from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> String {
    let took_us = to.unwrap_or(now).micros_since(from);
    match took_us {
        0..1_000_000 => format!("{} ms", took_us / 1_000),
        1_000_000..120_000_000 => format!("{}.{} s", took_us / 1_000_000, took_us % 1_000_000 / 100_000),
        _ => format!("{} min", took_us / 60_000_000),
    }
}

fn notes(step: &StepView, now: Timestamp) -> String {
    let note = |name: &str| step.note.as_ref()?.get(name);
    let text = |name: &str| note(name)?.as_str().map(str::to_owned);
    let count = |name: &str| note(name).and_then(Value::as_u64).unwrap_or(0);
    let mut notes = Vec::new();
    notes.extend(model(step));
    if count("parked_ms") > 0 {
        notes.push(format!("waited {} s for a model with room", count("parked_ms").div_ceil(1_000)));
    }
    if note("from_cache") == Some(&Value::Bool(true)) {
        notes.push("an answer served again".to_owned());
    }
    // A problem that names the task needs no other mention of it.
    let is_told = |task: &String| step.problem.as_ref().is_some_and(|problem| problem.contains(task.as_str()));
    notes.extend(text("task").filter(|task| !is_told(task)).map(|task| format!("task {task}")));
    notes.extend(text("delivery").map(|delivery| {
        let (channel, outcome) = (text("channel").unwrap_or_default(), text("outcome").unwrap_or_default());
        let tries = if count("tries") > 1 { format!(" in {} tries", count("tries")) } else { String::new() };
        format!("{channel} {outcome}{tries}, delivery {delivery}")
    }));
    notes.extend(note("approval").map(approval));
    notes.extend(text("run").map(|run| format!("run {run}")));
    notes.extend(step.note.as_ref().and_then(findings));
    notes.extend(step.tries.map(|tries| format!("{tries} tries")));
    notes.extend(step.doing.clone());
    notes.extend(step.asks.as_ref().map(|asks| format!("asks: {asks}")));
    notes.extend(
        step.due_at
            .filter(|_| step.ended_at.is_none())
            .map(|due| if due > now { format!("due in {}", took(now, Some(due), now)) } else { "due now".to_owned() }),
    );
    notes.extend(step.problem.clone());
    notes.join(", ").replace('\n', " ").chars().take(NOTE_CHARACTERS).collect()
}

/// What sensitive data a redaction found.
fn findings(note: &Value) -> Option<String> {
    let found = note.get("findings")?.as_array()?.iter();
    let told = found.map(|one| {
        format!(
            "{} x {}",
            one.get("count").unwrap_or(&Value::Null),
            one.get("kind").and_then(Value::as_str).unwrap_or_default()
        )
    });
    let told: Vec<String> = told.collect();
    Some(if told.is_empty() { "nothing sensitive".to_owned() } else { format!("found {}", told.join(", ")) })
}

/// The model that answered, after those that did not.
fn model(step: &StepView) -> Option<String> {
    let note = step.note.as_ref()?;
    let tried = note.get("tried").and_then(Value::as_array);
    let failed = tried.into_iter().flatten().filter_map(|attempt| {
        let error = attempt.get("error")?.as_str()?;
        Some(format!("{} ({error})", attempt.get("model")?.as_str()?))
    });
    let failed: Vec<String> = failed.collect();
    let winner = note.get("model").and_then(Value::as_str);
    match (winner, failed.is_empty()) {
        (Some(winner), true) => Some(winner.to_owned()),
        (Some(winner), false) => Some(format!("{winner} after {}", failed.join(", "))),
        (None, false) => Some(format!("tried {}", failed.join(", "))),
        (None, true) => None,
    }
}

/// Who approved or refused.
fn approval(answer: &Value) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let word = if answer.get("approved") == Some(&Value::Bool(true)) { "approved" } else { "refused" };
    let by = text("by").map(|by| format!(" by {by}")).unwrap_or_default();
    let link = answer.pointer("/via/to").and_then(Value::as_str).map(|to| format!(" by the link sent to {to}"));
    let comment = text("comment").map(|comment| format!(": {comment}")).unwrap_or_default();
    format!("{word}{by}{}{comment}", link.unwrap_or_default())
}

fn end(view: &RunView) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(output) = &view.output {
        lines.push(String::new());
        lines.push(serde_json::to_string_pretty(output).unwrap_or_default());
    }
    if let Some(error) = &view.error {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let detail = if text("detail").is_empty() { text("type") } else { text("detail") };
        lines.push(String::new());
        // The run's own input, output and limit are at no task.
        let place = if text("instance").is_empty() { String::new() } else { format!(" at {}", text("instance")) };
        lines.push(format!("error     {}{place}", detail.replace('\n', " ")));
    }
    lines.extend(view.reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!("reason    {reason}")));
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_stand_below_the_step_they_are_in() {
        let at = |ms: i64| Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap().plus_millis(ms);
        let step = |instance: u64, level: usize, name: &str, ended: Option<i64>| {
            json!({"instance": instance, "level": level, "name": name, "state": if ended.is_some() {"done"} else {"running"},
                "started_at": at(0), "ended_at": ended.map(at), "cost_usd": if instance == 1 {"0.002"} else {"0"},
                "note": if instance == 1 {json!({"model": "a/b"})} else {json!({"findings": [{"kind": "EMAIL", "count": 2}]})}})
        };
        let view: RunView = serde_json::from_value(json!({
            "id": "0199f2aa-0000-7000-8000-0000000000e1", "team": "support", "workflow": "a/b:1.0.0", "state": "running",
            "cost_usd": "0.002", "submitted_at": at(0),
            "steps": [step(0, 0, "b", None), step(1, 1, "ask", Some(1_250)), step(2, 1, "wait", None)]
        }))
        .unwrap();
        let text = render(&view, at(3_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[7], "b       running        3.0 s                 found 2 x EMAIL");
        assert_eq!(lines[8], "  ask   done           1.2 s  $0.002         a/b");
        assert_eq!(lines[9], "  wait  running        3.0 s                 found 2 x EMAIL");
        let mut later = view.clone();
        later.steps[2].state = "done".into();
        assert_eq!(news(&view, &later, at(3_000)), ["  wait  done           3.0 s                 found 2 x EMAIL"]);
        assert!(news(&later, &later, at(3_000)).is_empty());
    }

    fn check(more: Value, wanted: &str) {
        let mut step = json!({"instance": 1, "level": 0, "name": "a", "state": "done", "cost_usd": "0",
            "started_at": "2026-11-26T10:00:00Z"});
        step.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let step: StepView = serde_json::from_value(step).unwrap();
        let now = serde_json::from_value(json!("2026-11-26T10:00:00Z")).unwrap();
        assert_eq!(notes(&step, now), wanted);
    }

    #[test]
    fn notes_tell_models_deliveries_answers_and_waits() {
        let tried = json!([{"model": "a/a", "error": "timeout"}, {"model": "a/b", "error": null}]);
        check(json!({"note": {"model": "a/b", "tried": tried, "task": "t1"}}), "a/b after a/a (timeout), task t1");
        let delivery = json!({"delivery": "d1", "channel": "email", "outcome": "delivered", "tries": 2});
        check(json!({"note": delivery}), "email delivered in 2 tries, delivery d1");
        let answer = json!({"approved": false, "by": "ann", "comment": "no", "via": {"to": "ann@x.example"}});
        check(json!({"note": {"approval": answer}}), "refused by ann by the link sent to ann@x.example: no");
        let waits = json!({"state": "running", "doing": "waits", "tries": 3, "due_at": "2026-11-26T10:00:05Z"});
        check(waits, "3 tries, waits, due in 5.0 s");
    }

    #[test]
    fn branches_are_numbered_where_there_are_several() {
        let step = |instance: u64, level: usize, slot: usize| {
            json!({"instance": instance, "level": level, "name": "x", "slot": slot, "state": "done", "cost_usd": "0",
                "started_at": "2026-11-26T10:00:00Z"})
        };
        let steps: Vec<StepView> =
            serde_json::from_value(json!([step(0, 0, 0), step(1, 1, 0), step(2, 2, 0), step(3, 1, 1)])).unwrap();
        let labels: Vec<String> = steps.iter().map(|step| label(step, &steps)).collect();
        assert_eq!(labels, ["x", "  x [0]", "    x", "  x [1]"]);
    }

    #[test]
    fn a_task_that_a_problem_names_is_named_once() {
        let step = |problem: Value| -> StepView {
            serde_json::from_value(json!({"instance": 1, "level": 0, "name": "ask", "state": "faulted",
                "started_at": Timestamp::EPOCH, "cost_usd": "0", "note": {"task": "t1"}, "problem": problem}))
            .unwrap()
        };
        assert_eq!(
            notes(&step(json!("the task t1 ended as failed: no model")), Timestamp::EPOCH),
            "the task t1 ended as failed: no model"
        );
        assert_eq!(notes(&step(json!("it took too long")), Timestamp::EPOCH), "task t1, it took too long");
    }
}
