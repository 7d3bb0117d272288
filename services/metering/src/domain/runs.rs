//! From what is told of a run to its row.

use super::{
    records::{Records, Unrecordable},
    row::Row,
};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::Team,
    run::{ParentRef, changed::RunChanged, finished::RunFinished},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// How much of an error is kept, in characters.
const ERROR_CHARACTERS: usize = 500;

#[derive(Serialize)]
struct RunRow<'a> {
    team: &'a Team,
    id: RunId,
    change: i64,
    workflow: &'a str,
    name: &'a str,
    state: &'a str,
    origin: &'a str,
    key_id: Option<&'a str>,
    labels: &'a Map<String, Value>,
    tags: &'a [String],
    parent: Option<&'a ParentRef>,
    cost_pico_usd: Option<i64>,
    error: Option<String>,
    submitted_at: Timestamp,
    changed_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// A run that was put aside: the row where nothing else is known of it, and what is kept beside all that is.
#[derive(Serialize)]
struct AsideRow<'a> {
    #[serde(flatten)]
    run: RunRow<'a>,
    aside_at: Timestamp,
    aside_error: Option<String>,
}

/// The row of a run whose state has changed.
///
/// # Errors
/// It cannot be written as JSON.
pub fn of_changed(changed: &RunChanged) -> Result<Records, Unrecordable> {
    records(&RunRow {
        team: &changed.team,
        id: changed.id,
        change: i64::from(changed.change),
        workflow: &changed.workflow,
        name: bare(&changed.workflow),
        state: changed.state.as_str(),
        origin: changed.origin.as_str(),
        key_id: changed.key.as_deref(),
        labels: &changed.metadata,
        tags: &changed.tags,
        parent: changed.parent.as_ref(),
        cost_pico_usd: None,
        error: None,
        submitted_at: changed.submitted_at,
        changed_at: changed.changed_at,
        ended_at: None,
    })
}

/// The row of a run that has ended, or was put aside.
///
/// # Errors
/// It cannot be written as JSON.
pub fn of_finished(fact: &RunFinished) -> Result<Records, Unrecordable> {
    if fact.turn == 0 { of_aside(fact) } else { records(&ended(fact)) }
}

/// A run that was put aside may go on. Whoever put it aside could not count its changes, so it comes before the first.
fn of_aside(fact: &RunFinished) -> Result<Records, Unrecordable> {
    let ended = ended(fact);
    let run = RunRow { change: -1, cost_pico_usd: None, error: None, ended_at: None, ..ended };
    let row = AsideRow { run, aside_at: fact.finished_at, aside_error: ended.error };
    Ok(Records { asides: vec![Row::of(&row)?], ..Records::default() })
}

fn ended(fact: &RunFinished) -> RunRow<'_> {
    let text = |name: &str| fact.error.as_ref()?.get(name)?.as_str();
    let error = text("detail").or_else(|| text("title")).or_else(|| text("type"));
    let error = error.or(fact.reason.as_deref()).filter(|error| !error.is_empty());
    RunRow {
        team: &fact.team,
        id: fact.id,
        // One of before the changes were counted comes after all that was told of its run.
        change: if fact.change == 0 { i64::from(u32::MAX) } else { i64::from(fact.change) },
        workflow: &fact.workflow,
        name: bare(&fact.workflow),
        state: fact.outcome.as_str(),
        origin: fact.origin.as_str(),
        key_id: fact.key.as_deref(),
        labels: &fact.metadata,
        tags: &fact.tags,
        parent: fact.parent.as_ref(),
        cost_pico_usd: Some(fact.cost_usd.0),
        error: error.map(|error| error.chars().take(ERROR_CHARACTERS).collect()),
        submitted_at: fact.submitted_at,
        changed_at: fact.finished_at,
        ended_at: Some(fact.finished_at),
    }
}

fn records(row: &RunRow<'_>) -> Result<Records, Unrecordable> {
    Ok(Records { runs: vec![Row::of(row)?], ..Records::default() })
}

/// A workflow without its version.
fn bare(workflow: &str) -> &str {
    workflow.split(':').next().unwrap_or(workflow)
}
