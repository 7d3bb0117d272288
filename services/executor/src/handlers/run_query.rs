//! Somebody asks how a run goes.

use crate::{
    domain::run::view,
    runs::{Runs, carry::Fault},
};
use neptune_contracts::query::{
    QueryError,
    run::{RunQuery, RunView},
};
use neptune_workflow::run::Record;
use std::sync::Arc;

/// Answers from the log; of a run that was put aside because that is of no use, its end.
///
/// # Errors
/// There is no such run, or its log cannot be read.
pub async fn handle(runs: Arc<Runs>, query: RunQuery) -> Result<RunView, QueryError> {
    match by_log(&runs, &query).await {
        Ok(Some(view)) => Ok(view),
        Ok(None) => never_began(&runs, &query).await,
        Err(fault) if fault.is_lasting() => never_began(&runs, &query).await.map_err(|_| unavailable(&fault)),
        Err(fault) => Err(unavailable(&fault)),
    }
}

async fn by_log(runs: &Runs, query: &RunQuery) -> Result<Option<RunView>, Fault> {
    let entries = runs.bus.run_log(query.team.as_ref(), query.id, 0).await.map_err(Fault::Read)?;
    let Some(first) = entries.first() else { return Ok(None) };
    let key = (first.logged.team.clone(), query.id);
    let read = |record: &serde_json::Value| serde_json::from_value::<Record>(record.clone());
    let records = entries.iter().flat_map(|entry| &entry.logged.records).map(read).collect::<Result<Vec<_>, _>>();
    let records = records.map_err(Fault::Record)?;
    let Some(course) = runs.replayed(&key, entries)? else { return Ok(None) };
    let mut view = view::view(&course, &records);
    view.concurrency = course.made_of.gate.as_ref().and_then(|gate| runs.gates.of(&gate.name, query.id));
    Ok(Some(view))
}

/// A run that was rejected has an end and no log, and one that was put aside none that is of use.
async fn never_began(runs: &Runs, query: &RunQuery) -> Result<RunView, QueryError> {
    let teams: Vec<_> = match &query.team {
        Some(team) => vec![team.clone()],
        None => runs.resources.borrow().teams.keys().filter_map(|team| team.parse().ok()).collect(),
    };
    for team in teams {
        let found = runs.bus.run_result(&team, query.id).await;
        if let Some(fact) = found.map_err(|error| unavailable(&Fault::Read(error)))? {
            return Ok(view::of_fact(fact));
        }
    }
    Err(not_found(query))
}

fn not_found(query: &RunQuery) -> QueryError {
    let message =
        format!("there is no run {}: it was never submitted, is about to begin, or its log is gone", query.id);
    QueryError { code: "not_found".into(), message }
}

fn unavailable(fault: &Fault) -> QueryError {
    tracing::warn!(error = fault as &dyn std::error::Error, "a question about a run is not answered");
    QueryError { code: "unavailable".into(), message: fault.to_string() }
}
