//! Runs: told in any order and more than once, searched page by page.

use crate::support::World;
use neptune_bus::RequestError;
use neptune_contracts::{
    PicoUsd, Timestamp,
    ids::RunId,
    names::Origin,
    query::runs::{RunsQuery, RunsReport},
    run::{
        changed::{RunChanged, RunState},
        finished::{RunFinished, RunOutcome},
    },
};
use neptune_testkit::wait_until;
use serde_json::json;
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000 + seconds * 1_000_000).unwrap()
}

fn changed(id: RunId, state: RunState, change: u32) -> RunChanged {
    RunChanged {
        id,
        team: "support".parse().unwrap(),
        workflow: "support/triage:1.0.0".into(),
        state,
        change,
        changed_at: at(i64::from(change)),
        origin: Origin::Api,
        key: Some("k1".into()),
        metadata: json!({"ticket": "T-1"}).as_object().cloned().unwrap(),
        tags: vec!["triage".into(), "urgent".into()],
        parent: None,
        submitted_at: at(0),
        after_aside: None,
    }
}

fn finished(begun: &RunChanged, outcome: RunOutcome, change: u32) -> RunFinished {
    RunFinished {
        id: begun.id,
        team: begun.team.clone(),
        workflow: begun.workflow.clone(),
        outcome,
        turn: 1,
        change,
        output: Some(json!({"secret": "not kept"})),
        error: (outcome == RunOutcome::Faulted).then(|| json!({"type": "x", "detail": "the pump is broken"})),
        reason: None,
        cost_usd: PicoUsd(7),
        origin: begun.origin,
        key: begun.key.clone(),
        metadata: begun.metadata.clone(),
        tags: begun.tags.clone(),
        parent: None,
        submitted_at: begun.submitted_at,
        finished_at: at(i64::from(change)),
    }
}

fn all() -> RunsQuery {
    RunsQuery { limit: 100, ..RunsQuery::default() }
}

impl World {
    async fn runs(&self, query: &RunsQuery) -> RunsReport {
        self.operator.request(query).await.unwrap()
    }

    async fn states(&self, query: &RunsQuery) -> Vec<String> {
        self.runs(query).await.runs.into_iter().map(|run| run.state).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_found_within_a_second_and_its_last_change_stands_whatever_comes_first() {
    let mut world = World::start().await;
    // Metering may still make its tables.
    wait_until("it answers", Duration::from_secs(20), || async { world.operator.request(&all()).await.is_ok() }).await;
    let begun = changed(RunId::mint(), RunState::Running, 1);
    world.store(&begun).await;
    let known = || async { world.states(&all()).await == ["running"] };
    wait_until("it is found", Duration::from_secs(1), known).await;
    let line = world.runs(&all()).await.runs.remove(0);
    assert_eq!((line.id, line.key.as_deref(), line.tags.len()), (begun.id, Some("k1"), 2));
    assert_eq!((line.labels["ticket"].as_str(), line.submitted_at, line.ended_at), (Some("T-1"), at(0), None));
    // The end first, then what was told before it, and the beginning once more.
    world.store(&finished(&begun, RunOutcome::Faulted, 4)).await;
    world.store(&changed(begun.id, RunState::Running, 3)).await;
    world.store(&changed(begun.id, RunState::Paused, 2)).await;
    world.until_settled().await;
    world.forget_acknowledgements().await;
    world.until_settled().await;
    let line = world.runs(&all()).await.runs.remove(0);
    assert_eq!((line.state.as_str(), line.cost_usd, line.ended_at), ("faulted", PicoUsd(7), Some(at(4))));
    assert_eq!(line.error.as_deref(), Some("the pump is broken"));
    // It is taken up again.
    world.store(&changed(begun.id, RunState::Running, 5)).await;
    world.until_settled().await;
    let line = world.runs(&all()).await.runs.remove(0);
    assert_eq!((line.state.as_str(), line.ended_at, line.error), ("running", None, None));
    assert_eq!(world.number("SELECT count(*) FROM run").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM run WHERE run::text LIKE '%not kept%'").await, 0);
    world.stop_metering().await;
}

/// What is told of a run that is put aside after its second change.
fn aside(begun: &RunChanged) -> RunFinished {
    let told = finished(begun, RunOutcome::Faulted, 3);
    RunFinished { turn: 0, change: 0, cost_usd: PicoUsd::ZERO, ..told }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_put_aside_is_shown_as_it_stands_once_it_goes_on() {
    let mut world = World::start().await;
    wait_until("it answers", Duration::from_secs(20), || async { world.operator.request(&all()).await.is_ok() }).await;
    let begun = changed(RunId::mint(), RunState::Running, 1);
    let paused = changed(begun.id, RunState::Paused, 2);
    let put_aside = aside(&begun);
    world.store(&begun).await;
    world.store(&put_aside).await;
    world.until_settled().await;
    // What was told before it was put aside comes late, and says nothing new.
    world.store(&paused).await;
    world.until_settled().await;
    let faulted = RunsQuery { states: vec!["faulted".into()], ..all() };
    let line = world.runs(&faulted).await.runs.remove(0);
    assert_eq!((line.state.as_str(), line.ended_at, line.changed_at), ("faulted", Some(at(3)), at(3)));
    assert_eq!(line.error.as_deref(), Some("the pump is broken"));
    // It goes on as it stood, then otherwise, and ends.
    let on = RunChanged { changed_at: at(4), after_aside: Some(at(3)), ..paused.clone() };
    let resumed = RunChanged { changed_at: at(5), ..changed(begun.id, RunState::Running, 3) };
    let ended = RunFinished { finished_at: at(6), ..finished(&begun, RunOutcome::Completed, 4) };
    world.store(&on).await;
    world.until_settled().await;
    let line = world.runs(&all()).await.runs.remove(0);
    assert_eq!((line.state.as_str(), line.ended_at, line.error), ("paused", None, None));
    assert!(world.states(&faulted).await.is_empty());
    world.store(&resumed).await;
    world.until_settled().await;
    assert_eq!(world.states(&all()).await, ["running"]);
    world.store(&ended).await;
    world.until_settled().await;
    assert_eq!(world.states(&all()).await, ["completed"]);

    // In whatever order they come, together or one by one, the same stands in the end.
    let run = RunId::mint();
    let of = |told: &RunChanged| RunChanged { id: run, ..told.clone() };
    let changes = [of(&begun), of(&paused), of(&on), of(&resumed)];
    for told in changes.iter().rev() {
        world.store(told).await;
    }
    world.store(&RunFinished { id: run, ..put_aside.clone() }).await;
    let other = RunId::mint();
    world.store(&RunFinished { id: other, workflow: "unknown".into(), ..put_aside }).await;
    world.until_settled().await;
    world.forget_acknowledgements().await;
    world.until_settled().await;
    let found = world.runs(&all()).await.runs;
    let state = |id: RunId| found.iter().find(|line| line.id == id).map(|line| line.state.as_str());
    assert_eq!((state(begun.id), state(run), state(other)), (Some("completed"), Some("running"), Some("faulted")));
    let known = RunChanged { id: other, ..changed(other, RunState::Queued, 0) };
    world.store(&known).await;
    world.until_settled().await;
    let line = world.runs(&faulted).await.runs.remove(0);
    assert_eq!((line.id, line.workflow.as_str()), (other, "support/triage:1.0.0"), "what it is made of is known later");
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_searched_by_workflow_state_team_time_and_tag_and_pages_shift_by_nothing() {
    let mut world = World::start().await;
    let mut begun: Vec<RunChanged> = Vec::new();
    for number in 0..9_i64 {
        let mut run = changed(RunId::mint(), RunState::Running, 1);
        // Two of each time, so that a page may end between them.
        run.submitted_at = at(number / 2);
        run.workflow = format!("support/{}:1.{}.0", if number % 3 == 0 { "digest" } else { "triage" }, number % 2);
        run.tags = vec![format!("n{number}"), if number % 2 == 0 { "even" } else { "odd" }.into()];
        if number == 8 {
            run.team = "sales".parse().unwrap();
        }
        world.store(&run).await;
        begun.push(run);
    }
    world.store(&finished(&begun[0], RunOutcome::Completed, 2)).await;
    world.store(&finished(&begun[3], RunOutcome::Cancelled, 2)).await;
    let known = || async { world.operator.request(&all()).await.is_ok_and(|found| found.runs.len() == 9) };
    wait_until("all are known", Duration::from_secs(20), known).await;
    world.until_settled().await;
    let count = async |query: RunsQuery| world.runs(&query).await.runs.len();
    assert_eq!(count(RunsQuery { team: Some("sales".parse().unwrap()), ..all() }).await, 1);
    assert_eq!(count(RunsQuery { workflow: Some("support/digest".into()), ..all() }).await, 3);
    assert_eq!(count(RunsQuery { workflow: Some("support/digest:1.1.0".into()), ..all() }).await, 1);
    let ended = vec!["completed".to_owned(), "cancelled".to_owned()];
    assert_eq!(count(RunsQuery { states: ended, ..all() }).await, 2);
    assert_eq!(count(RunsQuery { tags: vec!["even".into()], ..all() }).await, 5);
    assert_eq!(count(RunsQuery { tags: vec!["even".into(), "n4".into()], ..all() }).await, 1);
    assert_eq!(count(RunsQuery { since: Some(at(1)), until: Some(at(3)), ..all() }).await, 4);
    let mut seen = Vec::new();
    let totals = world.runs(&RunsQuery { totals: true, ..all() }).await.totals;
    let totals: Vec<_> = totals.iter().map(|total| (total.workflow.as_str(), total.runs, total.cost_usd.0)).collect();
    assert_eq!(totals, [("support/digest", 3, 14), ("support/triage", 6, 0)]);
    let mut query = RunsQuery { limit: 2, ..RunsQuery::default() };
    loop {
        let found = world.runs(&query).await;
        seen.extend(found.runs.iter().map(|run| (run.submitted_at, run.id)));
        // What begins meanwhile is newer than every page to come.
        let late = RunChanged { submitted_at: at(100), ..changed(RunId::mint(), RunState::Running, 1) };
        world.store(&late).await;
        let Some(next) = found.next else { break };
        query.cursor = Some(next);
    }
    let mut wanted: Vec<_> = begun.iter().map(|run| (run.submitted_at, run.id)).collect();
    wanted.sort_unstable_by(|left, right| right.cmp(left));
    assert_eq!(seen, wanted);
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_searched_for_is_refused_in_words() {
    let mut world = World::start().await;
    let refused = async |query: RunsQuery| loop {
        match world.operator.request(&query).await {
            Err(RequestError::Refused(refused)) if refused.code == "invalid_request" => return refused.message,
            Ok(_) => panic!("it is answered"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert!(refused(RunsQuery { limit: 0, ..all() }).await.contains("the limit is 1 to 500"));
    assert!(refused(RunsQuery { states: vec!["done".into()], ..all() }).await.contains("there are queued, running"));
    assert!(refused(RunsQuery { cursor: Some("x".into()), ..all() }).await.contains("`next`"));
    world.stop_metering().await;
}
