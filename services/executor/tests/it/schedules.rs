//! Workflows that start by themselves: by time over restarts, and by events.

use crate::{
    workflows::definition_with,
    world::{LONG, World},
};
use futures::StreamExt as _;
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    query::workflow::{WorkflowView, WorkflowsQuery},
    resource::{Manifest, Metadata},
    run::finished::{RunFinished, RunOutcome},
};
use neptune_executor::domain::schedule::{self, Progress};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

const ZONES: &str = "external,onprem";
const OUT: &str = "do:\n  - out: {set: {x: 1}}\n";

/// The ends of runs, as they come.
type Ends = Arc<Mutex<Vec<RunFinished>>>;

async fn world() -> (World, Ends) {
    let world = World::start(Vec::new(), |_| {}).await;
    let team = Manifest {
        api_version: "neptune/v1".into(),
        kind: "Team".into(),
        metadata: Metadata { name: "support".into() },
        spec: json!({"models": ["*"]}),
    };
    world.operator.put_resource(&team).await.unwrap();
    let ends = Ends::default();
    let (mut heard, kept) = (world.operator.listen::<RunFinished>().await.unwrap(), ends.clone());
    tokio::spawn(async move {
        while let Some(end) = heard.next().await {
            kept.lock().unwrap().push(end);
        }
    });
    (world, ends)
}

fn of(ends: &Ends, workflow: &str) -> Vec<RunFinished> {
    ends.lock().unwrap().iter().filter(|end| end.workflow.starts_with(workflow)).cloned().collect()
}

async fn until_ended(ends: &Ends, workflow: &str, count: usize) {
    wait_until(&format!("{count} runs of {workflow}"), LONG, || async { of(ends, workflow).len() >= count }).await;
}

async fn shown(world: &World, name: &str) -> WorkflowView {
    let query = WorkflowsQuery { name: Some(name.to_owned()) };
    let known = || async { world.operator.request(&query).await.is_ok() };
    wait_until("the workflow is known", LONG, known).await;
    world.operator.request(&query).await.unwrap().workflows.remove(0)
}

fn timed(name: &str, schedule: &str) -> String {
    definition_with(name, "{team: support}", &format!("schedule: {schedule}\n{OUT}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_time_has_one_run_whoever_is_there_and_an_outage_is_made_up_for_once() {
    let (world, ends) = world().await;
    world.apply(&timed("ticks", "{every: PT1S}")).await;
    let mut pool = [world.process(ZONES), world.process(ZONES)];
    until_ended(&ends, "test/ticks", 2).await;
    pool[0].kill();
    until_ended(&ends, "test/ticks", 4).await;
    pool[1].kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = of(&ends, "test/ticks").len();
    pool = [world.process(ZONES), world.process(ZONES)];
    until_ended(&ends, "test/ticks", before + 3).await;
    let view = shown(&world, "test/ticks").await;
    assert_eq!((view.triggers.as_slice(), view.problem), (["every 1 s".to_owned()].as_slice(), None));
    let next = view.next_due_at.unwrap();
    assert!(next.micros_since(Timestamp::now()) <= 1_000_000, "{next}");
    assert!(view.last_runs.iter().all(|run| run.state != "unknown"), "{:?}", view.last_runs);
    let all = of(&ends, "test/ticks");
    let ids: BTreeSet<_> = all.iter().map(|end| end.id).collect();
    assert_eq!(ids.len(), all.len(), "no run ended twice");
    let mut missed = Vec::new();
    let mut slots = BTreeSet::new();
    for end in &all {
        let start = world.view(end.id).await.start;
        let start = start.unwrap_or_else(|| panic!("{end:?}"));
        assert!(slots.insert(start.due_at.unwrap().unix_micros()), "a time had two runs");
        missed.push(start.missed);
    }
    assert!(missed.iter().any(|missed| *missed >= 2), "the outage was made up for: {missed:?}");
    assert!(missed.iter().filter(|missed| **missed > 0).count() <= 2, "once: {missed:?}");
    drop(pool);
}

/// Milliseconds since 1970 of a time of 25 October, which is in summer time in Berlin until 3:00 of every year.
fn october(year: i32, time: &str) -> u64 {
    let time: Timestamp = serde_json::from_value(json!(format!("{year}-10-25T{time}Z"))).unwrap();
    schedule::ms_of(time)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_clocks_show_twice_has_one_run_over_restarts() {
    let (world, ends) = world().await;
    let zoned = "schedule: {cron: '30 2 25 10 *'}\n";
    let settings = "{team: support, timeZone: Europe/Berlin}";
    world.apply(&definition_with("zoned", settings, &format!("{zoned}{OUT}"))).await;
    // It was followed until the day before the clocks of Berlin were set back in 2026, and then nobody was there.
    let name = schedule::name("test/zoned");
    let since_ms = october(2026, "00:00:00") - 86_400_000;
    let before = Progress { version: "1.0.0".into(), known_since_ms: since_ms, since_ms, ..Progress::default() };
    let body = serde_json::to_vec(&before).unwrap();
    assert!(world.operator.set_start_cell(&name, body, 0).await.unwrap().is_some());
    let now_ms = schedule::ms_of(Timestamp::now());
    let passed: Vec<u64> = (2026..2100).map(|year| october(year, "00:30:00")).take_while(|ms| *ms <= now_ms).collect();
    let run = RunId::of_slot(&"support".parse().unwrap(), "test/zoned", *passed.last().expect("the clock is right"));
    for _ in 0..2 {
        let mut executor = world.process(ZONES);
        until_ended(&ends, "test/zoned", 1).await;
        let shown = shown(&world, "test/zoned").await;
        assert_eq!(shown.triggers, ["by cron 30 2 25 10 * in Europe/Berlin"]);
        let next = schedule::ms_of(shown.next_due_at.unwrap());
        assert!((2027..2100).any(|year| october(year, "00:30:00") == next), "{:?}", shown.next_due_at);
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        executor.kill();
    }
    let ended: Vec<RunId> = of(&ends, "test/zoned").iter().map(|end| end.id).collect();
    assert_eq!(ended, [run]);
    let progress: Progress = serde_json::from_slice(&world.operator.start_cell(&name).await.unwrap().body).unwrap();
    assert_eq!((progress.since_ms, progress.runs.len()), (*passed.last().unwrap(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_replaces_the_schedule_and_a_paused_or_removed_one_starts_nothing() {
    let (world, ends) = world().await;
    let _executor = world.process(ZONES);
    let first = timed("turns", "{every: PT1S}");
    world.apply(&first).await;
    until_ended(&ends, "test/turns:1.0.0", 1).await;
    world.apply(&first.replace("1.0.0", "1.1.0").replace("set: {x: 1}", "set: {x: 2}")).await;
    until_ended(&ends, "test/turns:1.1.0", 1).await;
    let old = of(&ends, "test/turns:1.0.0").len();
    until_ended(&ends, "test/turns:1.1.0", 3).await;
    assert_eq!(of(&ends, "test/turns:1.0.0").len(), old);
    world.apply(&first.replace("1.0.0", "1.2.0").replace("team: support", "team: support, paused: true")).await;
    let paused = || async { shown(&world, "test/turns").await.is_paused };
    wait_until("it is paused", LONG, paused).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = of(&ends, "test/turns").len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((of(&ends, "test/turns").len(), shown(&world, "test/turns").await.next_due_at), (before, None));
    // One that has no team starts nothing, and says so.
    world.apply(&timed("unpaid", "{every: PT1S}").replace("{team: support}", "{}")).await;
    world.apply(&timed("gone", "{every: PT1S}")).await;
    until_ended(&ends, "test/gone", 1).await;
    assert!(shown(&world, "test/unpaid").await.problem.unwrap().contains("metadata.neptune.team"));
    world.operator.delete_resource("workflow/test/gone:1.0.0").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let before = of(&ends, "test/gone").len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((of(&ends, "test/gone").len(), of(&ends, "test/unpaid").len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_counts_from_the_end_of_the_run_before() {
    let (world, ends) = world().await;
    let _executor = world.process(ZONES);
    let text = timed("pauses", "{after: PT1S}").replace("do:\n", "do:\n  - rest: {wait: PT1S}\n");
    world.apply(&text).await;
    until_ended(&ends, "test/pauses", 3).await;
    let all = of(&ends, "test/pauses");
    for pair in all.windows(2) {
        let between = pair[1].submitted_at.micros_since(pair[0].finished_at);
        assert!(between >= 950_000, "{between} us between the end and the next");
    }
}

const SAYS: &str =
    "do:\n  - say: {emit: {event: {with: {type: KIND, source: 'https://example.com/desk', data: '${ . }'}}}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_one_run_of_each_workflow_that_waits_for_it() {
    let (world, ends) = world().await;
    let mut doomed = world.process(ZONES);
    let _survivor = world.process(ZONES);
    let waits = |name: &str, on: &str| {
        definition_with(
            name,
            "{team: support}",
            &format!("schedule: {{on: {on}}}\ndo:\n  - out: {{set: '${{ map(.data.n) }}'}}\n"),
        )
    };
    world.apply(&waits("single", "{one: {with: {type: ticket.closed}}}")).await;
    world.apply(&waits("both", "{all: [{with: {type: ticket.closed}}, {with: {type: ticket.paid}}]}")).await;
    let others = waits("others", "{one: {with: {type: ticket.closed}}}").replace("team: support", "team: sales");
    world.apply(&others).await;
    for (name, kind) in [("closes", "ticket.closed"), ("pays", "ticket.paid")] {
        world.apply(&definition_with(name, "{}", &SAYS.replace("KIND", kind))).await;
    }
    for name in ["test/single", "test/both"] {
        let followed = || async { shown(&world, name).await.triggers.len() == 1 };
        wait_until("it is followed", LONG, followed).await;
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    world.submit_run("test/closes", json!({"n": 1})).await;
    until_ended(&ends, "test/single", 1).await;
    assert_eq!(of(&ends, "test/both").len(), 0);
    doomed.kill();
    world.submit_run("test/pays", json!({"n": 2})).await;
    until_ended(&ends, "test/both", 1).await;
    let ended = of(&ends, "test/both").remove(0);
    assert_eq!((ended.outcome, ended.output), (RunOutcome::Completed, Some(json!([1, 2]))));
    world.submit_run("test/closes", json!({"n": 3})).await;
    until_ended(&ends, "test/single", 2).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let outputs: Vec<Option<Value>> = of(&ends, "test/single").into_iter().map(|end| end.output).collect();
    assert_eq!(outputs, [Some(json!([1])), Some(json!([3]))]);
    assert_eq!((of(&ends, "test/both").len(), of(&ends, "test/others").len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_that_start_each_other_by_events_come_to_an_end() {
    let (world, ends) = world().await;
    let _executor = world.process(ZONES);
    let text = definition_with(
        "echo",
        "{team: support}",
        &format!("schedule: {{on: {{one: {{with: {{type: echo}}}}}}}}\n{}", SAYS.replace("KIND", "echo")),
    );
    world.apply(&text).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    world.submit_run("test/echo", Value::Null).await;
    until_ended(&ends, "test/echo", 9).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(of(&ends, "test/echo").len(), 9, "one that was asked for, and eight by events");
}
