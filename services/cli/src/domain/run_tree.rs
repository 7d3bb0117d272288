//! A run as a tree for people: its steps, how long they took, and what they cost.

use neptune_contracts::{
    PicoUsd, Timestamp,
    query::run::{RunView, StepView},
};
use serde_json::Value;

/// The widest column of names.
const NAME_CHARACTERS: usize = 40;
/// How much of a note or problem is shown.
const NOTE_CHARACTERS: usize = 140;

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
    if let Some(parent) = &view.parent {
        lines.push(format!("step of   run {}, step {}", parent.run, parent.instance));
    }
    lines.push(String::new());
    lines.extend(steps(&view.steps, now));
    lines.extend(end(view));
    lines.join("\n").trim_end().to_owned()
}

/// The lines of steps, which may still go on.
fn steps(steps: &[StepView], now: Timestamp) -> Vec<String> {
    let label = |step: &StepView| {
        let slot = if step.slot == 0 { String::new() } else { format!(" [{}]", step.slot) };
        format!("{}{}{slot}", "  ".repeat(step.level), step.name)
    };
    let width = steps.iter().map(|step| label(step).chars().count()).max().unwrap_or(0).min(NAME_CHARACTERS);
    let line = |step: &StepView| {
        let cost = if step.cost_usd == PicoUsd::ZERO { String::new() } else { format!("${}", step.cost_usd) };
        let took = took(step.started_at, step.ended_at, now);
        let told = format!("{:width$}  {:7}  {took:>9}  {cost:<14} {}", label(step), step.state, notes(step));
        told.trim_end().to_owned()
    };
    steps.iter().map(line).collect()
}

fn took(from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> String {
    let took_us = to.unwrap_or(now).micros_since(from);
    match took_us {
        0..1_000_000 => format!("{} ms", took_us / 1_000),
        1_000_000..120_000_000 => format!("{}.{} s", took_us / 1_000_000, took_us % 1_000_000 / 100_000),
        _ => format!("{} min", took_us / 60_000_000),
    }
}

fn notes(step: &StepView) -> String {
    let of_note = |name: &str| step.note.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let mut notes = Vec::new();
    notes.extend(of_note("model"));
    // A problem that names the task needs no other mention of it.
    let is_told = |task: &String| step.problem.as_ref().is_some_and(|problem| problem.contains(task.as_str()));
    notes.extend(of_note("task").filter(|task| !is_told(task)).map(|task| format!("task {task}")));
    notes.extend(of_note("delivery").map(|delivery| format!("delivery {delivery}")));
    notes.extend(of_note("run").map(|run| format!("run {run}")));
    notes.extend(step.doing.clone());
    notes.extend(step.problem.clone());
    notes.join(", ").replace('\n', " ").chars().take(NOTE_CHARACTERS).collect()
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
        lines.push(format!("error     {} at {}", detail.replace('\n', " "), text("instance")));
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
                "note": if instance == 1 {json!({"model": "a/b"})} else {Value::Null}})
        };
        let view: RunView = serde_json::from_value(json!({
            "id": "0199f2aa-0000-7000-8000-0000000000e1", "team": "support", "workflow": "a/b:1.0.0", "state": "running",
            "cost_usd": "0.002", "submitted_at": at(0),
            "steps": [step(0, 0, "b", None), step(1, 1, "ask", Some(1_250)), step(2, 1, "wait", None)]
        }))
        .unwrap();
        let text = render(&view, at(3_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[7], "b       running      3.0 s");
        assert_eq!(lines[8], "  ask   done         1.2 s  $0.002         a/b");
        assert_eq!(lines[9], "  wait  running      3.0 s");
    }

    #[test]
    fn a_task_that_a_problem_names_is_named_once() {
        let step = |problem: Value| -> StepView {
            serde_json::from_value(json!({"instance": 1, "level": 0, "name": "ask", "state": "faulted",
                "started_at": Timestamp::EPOCH, "cost_usd": "0", "note": {"task": "t1"}, "problem": problem}))
            .unwrap()
        };
        assert_eq!(
            notes(&step(json!("the task t1 ended as failed: no model"))),
            "the task t1 ended as failed: no model"
        );
        assert_eq!(notes(&step(json!("it took too long"))), "task t1, it took too long");
    }
}
