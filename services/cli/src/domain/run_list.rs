//! Runs as a table for people.

use super::{run_tree::took, table::Table};
use neptune_contracts::{Timestamp, query::runs::RunsReport};

/// How much of an error is shown.
const ERROR_CHARACTERS: usize = 60;

/// The runs of a page, what they cost by workflow where that was asked for, and how to see more.
#[must_use]
pub fn render(report: &RunsReport, now: Timestamp) -> String {
    if report.runs.is_empty() && report.totals.is_empty() {
        return "no runs are so".to_owned();
    }
    let mut table =
        Table::new(&["run", "team", "workflow", "state", "submitted", ">took", ">cost usd", "tags", "error"]);
    for run in &report.runs {
        let error: String = run.error.as_deref().unwrap_or_default().chars().take(ERROR_CHARACTERS).collect();
        table.row([
            run.id.to_string(),
            run.team.to_string(),
            run.workflow.clone(),
            run.state.clone(),
            to_the_second(run.submitted_at),
            took(run.submitted_at, run.ended_at, now),
            run.cost_usd.to_string(),
            run.tags.join(","),
            error,
        ]);
    }
    let mut parts = vec![table.render()];
    if !report.totals.is_empty() {
        let mut totals = Table::new(&["workflow", ">runs", ">cost usd"]);
        for total in &report.totals {
            totals.row([total.workflow.clone(), total.runs.to_string(), total.cost_usd.to_string()]);
        }
        parts.push(totals.render());
    }
    parts.extend(report.next.as_ref().map(|next| format!("more with --cursor {next}")));
    parts.join("\n\n")
}

fn to_the_second(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_is_a_table_and_says_how_to_see_more() {
        let report: RunsReport = serde_json::from_value(json!({
            "runs": [{
                "id": "0199f2aa-0000-7000-8000-0000000000e1", "team": "support", "workflow": "a/b:1.0.0", "state": "faulted",
                "cost_usd": "0.5", "tags": ["x", "y"], "error": "it broke", "submitted_at": "2026-11-26T10:00:00.25Z",
                "changed_at": "2026-11-26T10:00:02Z", "ended_at": "2026-11-26T10:00:02Z"
            }],
            "totals": [{"workflow": "a/b", "runs": 3, "cost_usd": "1.5"}],
            "next": "1.x"
        }))
        .unwrap();
        let text = render(&report, Timestamp::now());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.first().unwrap().starts_with("RUN"), "{text}");
        let row = "0199f2aa-0000-7000-8000-0000000000e1  support  a/b:1.0.0  faulted  2026-11-26T10:00:00Z  1.7 s       0.5  x,y   it broke";
        assert_eq!(lines.get(1), Some(&row));
        assert_eq!(lines.last(), Some(&"more with --cursor 1.x"));
        assert!(text.contains("a/b          3       1.5"), "{text}");
        assert_eq!(render(&RunsReport::default(), Timestamp::now()), "no runs are so");
    }
}
