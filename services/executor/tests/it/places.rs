//! Limits of runs at once: who has a place, who waits, and who is next when executors die.

use crate::{
    upstream::{Reply, Upstream},
    workflows::{definition_with, is_running, steps},
    world::{LONG, World},
};
use neptune_contracts::{
    ids::RunId,
    names::Service,
    query::run::RunQuery,
    run::{finished::RunOutcome, input::RunWish, log::RunLogged},
};
use neptune_executor::domain::run::gate::{self, Gate, Place};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ZONES: &str = "external,onprem";
/// Waits for an event, so that the test says when it ends.
const HEARS: &str = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n";
const ONE: &str = "{concurrency: {key: '${ .customer }'}}";
/// What a place may take to be given on when its executor has died.
const SOON: Duration = Duration::from_millis(1_500);

async fn world() -> World {
    World::start(Vec::new(), |_| {}).await
}

async fn is(world: &World, run: RunId, state: &str) {
    world.until(run, &format!("{run} is {state}"), |view| view.state == state).await;
}

async fn go(world: &World, run: RunId) {
    let event = json!({"id": "e1", "specversion": "1.0", "source": "/test", "type": "go", "data": {}});
    world.tell(run, "go", RunWish::Signal { event }).await;
}

/// When a run of several is seen to go on.
async fn which_is_next(world: &World, runs: &[RunId]) -> RunId {
    let begun = Instant::now();
    loop {
        for run in runs {
            let view = world.operator.request(&RunQuery { id: *run, team: None }).await;
            if view.is_ok_and(|view| view.state == "running") {
                return *run;
            }
        }
        assert!(begun.elapsed() < LONG, "nobody is next");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_beyond_those_that_are_looked_at_at_once_is_given_back_too() {
    let world = world().await;
    let many = "{concurrency: {key: '${ .customer }', limit: 150}}";
    world.apply(&definition_with("many", many, HEARS)).await;
    // All places are taken by runs that never began: the last of them was given up long ago, the others a moment ago.
    let now_us = neptune_contracts::Timestamp::now().unix_micros();
    let place = |number: i64| Place {
        run: RunId::mint(),
        turn: 1,
        priority: 0,
        since_us: if number == 149 { 1 } else { now_us },
        is_replaced: false,
    };
    let team = "support".parse().unwrap();
    let name = gate::name(&team, "test/many", "acme");
    let holders: Vec<Place> = (0..150).map(place).collect();
    let (workflow, key) = ("test/many".to_owned(), "acme".to_owned());
    let gate = Gate { team, workflow, key, limit: 150, holders, waiting: Vec::new() };
    let body = serde_json::to_vec(&gate).unwrap();
    assert!(world.operator.set_start_cell(&name, body, 0).await.unwrap().is_some());
    let _executor = world.process(ZONES);
    let run = world.submit_run("test/many", json!({"customer": "acme"})).await;
    is(&world, run, "running").await;
    let cell = world.operator.start_cell(&name).await.unwrap();
    let left: Gate = serde_json::from_slice(&cell.body).unwrap();
    assert_eq!((left.holders.len(), left.holders.last().map(|place| place.run)), (150, Some(run)));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_key_wait_for_each_other_by_priority_and_as_they_came() {
    let world = world().await;
    let _executors = [world.process(ZONES), world.process(ZONES)];
    let first = world.begin(&definition_with("turns", ONE, HEARS), json!({"customer": "acme"})).await;
    is(&world, first, "running").await;
    let mut waiting = Vec::new();
    for priority in [0, 0, 5, -1] {
        let change = |run: &mut neptune_contracts::run::RunSubmitted| run.priority = Some(priority);
        waiting.push(world.submit_run_with("test/turns", json!({"customer": "acme"}), change).await);
        is(&world, *waiting.last().unwrap(), "queued").await;
    }
    let other = world.submit_run("test/turns", json!({"customer": "other"})).await;
    is(&world, other, "running").await;
    let view = world.until(waiting[3], "it knows who waits", |view| {
        view.concurrency.as_ref().is_some_and(|places| places.queued == 4)
    });
    let places = view.await.concurrency.unwrap();
    assert_eq!((places.key.as_str(), places.limit, places.running, places.ahead), ("acme", 1, 1, Some(3)));
    assert_eq!(world.view(waiting[0]).await.input, json!({"customer": "acme"}));
    // One that waits can be cancelled, and leaves the others in their order.
    world.tell(waiting[1], "c1", RunWish::Cancel { reason: "not any more".into() }).await;
    assert_eq!(world.run_ended(waiting[1]).await.outcome, RunOutcome::Cancelled);
    let mut left = vec![waiting[2], waiting[0], waiting[3]];
    let mut ends = first;
    while !left.is_empty() {
        go(&world, ends).await;
        world.run_ended(ends).await;
        let freed = Instant::now();
        let next = which_is_next(&world, &left).await;
        assert!(freed.elapsed() < Duration::from_secs(1), "{:?}", freed.elapsed());
        assert_eq!(next, left.remove(0));
        ends = next;
    }
    go(&world, ends).await;
    go(&world, other).await;
    assert_eq!(world.run_ended(ends).await.outcome, RunOutcome::Completed);
    world.run_ended(other).await;
    assert_eq!(cells(&world).await, Vec::<Value>::new(), "nobody has a place any more");
}

/// What the cells of places hold that are not empty.
async fn cells(world: &World) -> Vec<Value> {
    let (bus, found) = (world.bus(Service::Operator).await, std::sync::Mutex::new(Vec::new()));
    let following = bus.follow_start_cells(|_, cell| found.lock().unwrap().push(cell.body));
    let _timed_out = tokio::time::timeout(Duration::from_millis(700), following).await;
    let found = found.lock().unwrap();
    found.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_given_on_within_a_second_although_its_executor_died_before_or_after() {
    let world = world().await;
    let mut doomed = world.process(ZONES);
    let _survivor = world.process(ZONES);
    let first = world.begin(&definition_with("dies", ONE, HEARS), json!({"customer": "acme"})).await;
    is(&world, first, "running").await;
    let (second, third) = (RunId::mint(), RunId::mint());
    for id in [second, third] {
        let named = |run: &mut neptune_contracts::run::RunSubmitted| run.id = Some(id);
        world.submit_run_with("test/dies", json!({"customer": "acme"}), named).await;
        is(&world, id, "queued").await;
    }
    // It died after it had written down the end of the first run, and before it gave back the place.
    doomed.kill();
    let executor = world.bus(Service::Executor).await;
    let team = "support".parse().unwrap();
    let last = executor.run_log(Some(&team), first, 0).await.unwrap().pop().unwrap();
    let ended =
        json!({"at_ms": 1_800_000_000_000_u64, "changes": [{"ended": {"ending": {"cancelled": {"reason": "x"}}}}]});
    let logged = RunLogged {
        id: "dead".into(),
        run: first,
        team: team.clone(),
        made_of: None,
        causes: vec!["input x".into()],
        records: vec![ended],
    };
    executor.append_log(&logged, last.sequence).await.unwrap();
    let freed = Instant::now();
    assert_eq!(which_is_next(&world, &[second, third]).await, second);
    assert!(freed.elapsed() < SOON, "{:?}", freed.elapsed());
    // It died after it had given the place on, and before whoever has it began.
    let (name, cell) = {
        let entries = executor.run_log(Some(&team), second, 0).await.unwrap();
        let gate = entries[0].logged.made_of.as_ref().unwrap().gate.clone().unwrap();
        let cell = executor.start_cell(&gate.name).await.unwrap();
        (gate.name, cell)
    };
    let mut gate: Value = serde_json::from_slice(&cell.body).unwrap();
    gate["limit"] = json!(2);
    let next = gate["waiting"].as_array_mut().unwrap().remove(0);
    gate["holders"].as_array_mut().unwrap().push(next);
    executor.set_start_cell(&name, gate.to_string().into_bytes(), cell.revision).await.unwrap().unwrap();
    let given = Instant::now();
    assert_eq!(which_is_next(&world, &[third]).await, third);
    assert!(given.elapsed() < SOON, "{:?}", given.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_than_the_limit_go_on_and_all_end_however_often_executors_are_killed() {
    const RUNS: usize = 16;
    let world = world().await;
    let web = Upstream::that(Reply::Slow(Duration::from_millis(150), "{}".into())).await;
    let call = |name: &str| {
        let endpoint = format!("http://127.0.0.1:{}/x", web.port());
        format!("  - {name}: {{call: http, with: {{method: post, endpoint: '{endpoint}', body: {{}}}}}}\n")
    };
    let text = format!("do:\n{}{}", call("one"), call("two"));
    world.apply(&definition_with("load", "{concurrency: {key: all, limit: 2}}", &text)).await;
    // Executors that start now know the workflow from their start.
    let mut pool = [world.process(ZONES), world.process(ZONES)];
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(world.submit_run("test/load", Value::Null).await);
    }
    for round in 0..4 {
        let is_on = || async { web.calls() >= 3 + 6 * round };
        wait_until("some calls more of the 32 are made", LONG, is_on).await;
        let index = usize::from(round % 2 == 1);
        pool[index].kill();
        pool[index] = world.process(ZONES);
    }
    for run in &runs {
        let fact = world.run_ended(*run).await;
        assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
        assert_eq!(steps(&world.view(*run).await, "two").len(), 1);
    }
    // A call that is made again may overlap the one that was cut, nothing else.
    let most = web.most_at_once();
    assert!(most <= 2 + 2, "{most} calls at once");
    wait_until("nobody has a place any more", LONG, || async { cells(&world).await.is_empty() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_rejected_where_the_workflow_says_so() {
    let world = world().await;
    let _executor = world.process(ZONES);
    let neptune = "{concurrency: {key: '${ .customer }', onConflict: reject}}";
    let first = world.begin(&definition_with("strict", neptune, HEARS), json!({"customer": "acme"})).await;
    is(&world, first, "running").await;
    let second = world.submit_run("test/strict", json!({"customer": "acme"})).await;
    let fact = world.run_ended(second).await;
    assert_eq!(fact.outcome, RunOutcome::Rejected, "{fact:?}");
    let error = fact.error.unwrap();
    assert_eq!(error["status"], 409);
    assert!(error["detail"].as_str().unwrap().contains("\"acme\""), "{error}");
    go(&world, first).await;
    world.run_ended(first).await;
    let third = world.submit_run("test/strict", json!({"customer": "acme"})).await;
    is(&world, third, "running").await;
    // A key that the input has not is a fault of the input.
    let keyless = world.submit_run("test/strict", json!({})).await;
    let fact = world.run_ended(keyless).await;
    assert!(fact.error.unwrap()["detail"].as_str().unwrap().contains("concurrency.key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_replaces_the_one_before_once_that_has_undone_what_it_did() {
    let world = world().await;
    let web = Upstream::that(Reply::With(200, "content-type: application/json\r\n", "{}".into())).await;
    let _executor = world.process(ZONES);
    let call = |path: &str| {
        format!("{{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/{path}', body: {{}}}}", web.port())
    };
    let text = format!(
        "use: {{functions: {{undo: {}}}}}}}\ndo:\n  - book: {}, metadata: {{neptune: {{compensate: undo}}}}}}\n{}",
        call("undo"),
        call("book"),
        HEARS.replace("do:\n", "")
    );
    let neptune = "{concurrency: {key: fixed, onConflict: replace}}";
    let first = world.begin(&definition_with("newest", neptune, &text), Value::Null).await;
    world.until(first, "it listens", |view| is_running(view, "hear")).await;
    let second = world.submit_run("test/newest", Value::Null).await;
    let fact = world.run_ended(first).await;
    assert_eq!(fact.outcome, RunOutcome::Cancelled, "{fact:?}");
    assert!(fact.reason.unwrap().contains("takes its place"));
    world.until(second, "it listens", |view| is_running(view, "hear")).await;
    let paths: Vec<String> = web.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths, ["/book", "/undo", "/book"]);
    go(&world, second).await;
    assert_eq!(world.run_ended(second).await.outcome, RunOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_taken_up_again_only_when_there_is_a_place() {
    let world = world().await;
    let _executor = world.process(ZONES);
    let text = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n  - fail: {if: '.[0].bad', raise: {error: {type: 'https://example.com/no', status: 418, title: No}}}\n";
    let first = world.begin(&definition_with("retried", ONE, text), json!({"customer": "acme"})).await;
    is(&world, first, "running").await;
    let event = json!({"id": "e1", "specversion": "1.0", "source": "/test", "type": "go", "data": {"bad": true}});
    world.tell(first, "go", RunWish::Signal { event }).await;
    assert_eq!(world.run_ended(first).await.outcome, RunOutcome::Faulted);
    let second = world.submit_run("test/retried", json!({"customer": "acme"})).await;
    is(&world, second, "running").await;
    world.tell(first, "r1", RunWish::Retry).await;
    world.until(first, "it waits", |view| view.concurrency.as_ref().is_some_and(|places| places.queued == 1)).await;
    assert_eq!(world.view(first).await.state, "faulted");
    go(&world, second).await;
    world.run_ended(second).await;
    let team = "support".parse().unwrap();
    let again = || async { world.operator.run_result(&team, first).await.unwrap().unwrap().turn == 2 };
    wait_until("it failed a second time", LONG, again).await;
    wait_until("nobody has a place any more", LONG, || async { cells(&world).await.is_empty() }).await;
}
