//! Somebody asks which workflows there are, and what starts them.

use crate::{
    domain::{
        run::{finish, view},
        schedule::Started,
    },
    runs::{Runs, schedules::Scheduled},
};
use neptune_contracts::{
    ids::RunId,
    names::Team,
    query::{
        QueryError,
        workflow::{ScheduledRun, WorkflowView, WorkflowsQuery, WorkflowsReport},
    },
    resource::{
        Resources,
        workflow::{meant, version_order},
    },
};
use neptune_workflow::outline;
use std::{collections::BTreeSet, sync::Arc};

/// Keys of a workflow that are told with their places.
const KEYS: usize = 20;

/// Answers from the resources in force, and from how far schedules are.
///
/// # Errors
/// There is no such workflow.
pub async fn handle(runs: Arc<Runs>, query: WorkflowsQuery) -> Result<WorkflowsReport, QueryError> {
    let resources = runs.resources.borrow().clone();
    let names: BTreeSet<&str> = resources.workflows.keys().filter_map(|name| name.split(':').next()).collect();
    let mut workflows = Vec::new();
    for bare in names.into_iter().filter(|bare| query.name.as_ref().is_none_or(|wanted| wanted == bare)) {
        workflows.extend(of_name(&runs, &resources, bare, query.name.is_some()).await);
    }
    if let (Some(name), true) = (query.name, workflows.is_empty()) {
        let message = format!("there is no workflow {name}; apply its definition, or name one that is: namespace/name");
        return Err(QueryError { code: "not_found".into(), message });
    }
    Ok(WorkflowsReport { workflows })
}

async fn of_name(runs: &Runs, resources: &Resources, bare: &str, with_states: bool) -> Option<WorkflowView> {
    let name = meant(bare, resources.workflows.keys().map(String::as_str))?;
    let document = &resources.workflows.get(name)?.document;
    let mut versions: Vec<String> = resources
        .workflows
        .keys()
        .filter_map(|name| name.split_once(':').filter(|(own, _)| *own == bare))
        .map(|(_, version)| version.to_owned())
        .collect();
    versions.sort_by_key(|version| version_order(version));
    let scheduled = runs.one_scheduled(resources, bare);
    let mut view = WorkflowView {
        name: bare.to_owned(),
        version: name.split_once(':').map_or("", |(_, version)| version).to_owned(),
        versions,
        title: document.pointer("/document/title").and_then(|title| title.as_str()).map(str::to_owned),
        team: document.pointer("/document/metadata/neptune/team").and_then(|team| team.as_str()?.parse().ok()),
        triggers: Vec::new(),
        next_due_at: None,
        is_paused: false,
        problem: scheduled.as_ref().err().cloned(),
        last_runs: Vec::new(),
        concurrency: runs.gates.of_workflow(bare, KEYS),
    };
    if let Ok(Some(scheduled)) = &scheduled {
        tell_schedule(runs, scheduled, (&mut view, with_states)).await;
    }
    Some(view)
}

/// What starts it, when next, and what it started.
async fn tell_schedule(runs: &Runs, scheduled: &Scheduled, (view, with_states): (&mut WorkflowView, bool)) {
    view.triggers = scheduled.definition.schedule.iter().map(outline::trigger).collect();
    view.is_paused = scheduled.definition.settings.paused;
    let Some(progress) = runs.schedules.progress(&scheduled.bare) else { return };
    if !view.is_paused {
        view.next_due_at = runs.next_due_ms(scheduled, &progress).await.map(finish::timestamp);
    }
    for Started { run, due_ms } in progress.runs {
        let state = if with_states { state(runs, &scheduled.team, run).await } else { String::new() };
        view.last_runs.push(ScheduledRun { id: run, due_at: finish::timestamp(due_ms), state });
    }
}

/// How a run stands, as its log or else its end has it.
async fn state(runs: &Runs, team: &Team, run: RunId) -> String {
    if let Ok(Some(fact)) = runs.bus.run_result(team, run).await {
        return fact.outcome.as_str().to_owned();
    }
    let course = runs.read(&(team.clone(), run)).await.ok().flatten();
    let view = course.map(|course| view::view(&course, &[]).state);
    view.unwrap_or_else(|| "unknown".to_owned())
}
