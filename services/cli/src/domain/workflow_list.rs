//! Workflows that are applied, for people.

use super::table::Table;
use neptune_contracts::query::workflow::WorkflowView;

/// All of them, a line each.
#[must_use]
pub fn table(workflows: &[WorkflowView]) -> String {
    if workflows.is_empty() {
        return "no workflow is applied; `neptune apply -f deploy/resources/workflows` has samples".to_owned();
    }
    let mut table = Table::new(&["workflow", "version", "team", "starts", "next", "last"]);
    for workflow in workflows {
        let last = workflow.last_runs.first().map(|run| run.due_at.to_string());
        table.row([
            workflow.name.clone(),
            workflow.version.clone(),
            workflow.team.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            starts(workflow),
            next(workflow),
            last.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.render()
}

fn starts(workflow: &WorkflowView) -> String {
    if workflow.triggers.is_empty() { "when asked for".to_owned() } else { workflow.triggers.join(", ") }
}

fn next(workflow: &WorkflowView) -> String {
    match (&workflow.problem, workflow.is_paused, workflow.next_due_at) {
        (Some(_), ..) => "never: see show".to_owned(),
        (None, true, _) => "paused".to_owned(),
        (None, false, Some(due_at)) => due_at.to_string(),
        (None, false, None) => "-".to_owned(),
    }
}

/// One of them, with what it started and who waits.
#[must_use]
pub fn whole(workflow: &WorkflowView) -> String {
    let mut lines = vec![format!("{}:{}", workflow.name, workflow.version)];
    lines.extend(workflow.title.iter().map(|title| format!("  {title}")));
    lines.push(format!("  versions  {}", workflow.versions.join(", ")));
    lines.extend(workflow.team.iter().map(|team| format!("  team      {team}")));
    lines.push(format!("  starts    {}", starts(workflow)));
    if !workflow.triggers.is_empty() {
        lines.push(format!("  next      {}", next(workflow)));
    }
    lines.extend(workflow.problem.iter().map(|problem| format!("  problem   {problem}")));
    if !workflow.last_runs.is_empty() {
        lines.push("  last runs".to_owned());
        let run = |run: &neptune_contracts::query::workflow::ScheduledRun| {
            format!("    {}  {}  {}", run.due_at, run.id, run.state)
        };
        lines.extend(workflow.last_runs.iter().map(run));
    }
    if !workflow.concurrency.is_empty() {
        let mut table = Table::new(&["key", ">limit", ">running", ">queued"]);
        for places in &workflow.concurrency {
            let numbers = [places.limit, places.running, places.queued].map(|number| number.to_string());
            let [limit, running, queued] = numbers;
            table.row([places.key.clone(), limit, running, queued]);
        }
        lines.push("  places".to_owned());
        lines.extend(table.render().lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_workflow_says_what_starts_it_and_who_waits() {
        let view: WorkflowView = serde_json::from_value(json!({
            "name": "a/b", "version": "1.1.0", "versions": ["1.0.0", "1.1.0"], "team": "support",
            "triggers": ["by cron 0 2 * * *"], "next_due_at": "2026-11-27T02:00:00Z",
            "last_runs": [{"id": "0199f2aa-0000-7000-8000-0000000000e1", "due_at": "2026-11-26T02:00:00Z", "state": "completed"}],
            "concurrency": [{"key": "acme", "limit": 1, "running": 1, "queued": 3}],
        }))
        .unwrap();
        let listed = table(std::slice::from_ref(&view));
        assert!(listed.lines().nth(1).unwrap().contains("by cron 0 2 * * *  2026-11-27T02:00:00Z"), "{listed}");
        let shown = whole(&view);
        assert!(shown.contains("next      2026-11-27T02:00:00Z") && shown.contains("completed"), "{shown}");
        assert!(shown.contains("acme") && shown.contains("KEY"), "{shown}");
        let paused = WorkflowView { is_paused: true, ..view.clone() };
        assert!(whole(&paused).contains("next      paused"));
        let broken = WorkflowView { problem: Some("it has no team".into()), ..view };
        assert!(whole(&broken).contains("problem   it has no team"));
        assert!(table(&[]).contains("neptune apply"));
    }
}
