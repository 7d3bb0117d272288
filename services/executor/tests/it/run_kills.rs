//! Runs whose executors and broker are killed (-9): the crash table, line by line.

use crate::{
    upstream::{Reply, Upstream},
    workflows::{definition, is_running, steps},
    world::{LONG, World, planned},
};
use neptune_contracts::{names::Zone, run::finished::RunOutcome};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const ZONES: &str = "external,onprem";

async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

/// A chain of calls, each of which tells which it is.
fn chain(port: u16, length: usize) -> String {
    let step = |number: usize| {
        format!(
            "  - s{number}: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{port}/{number}', body: {{}}}}}}\n"
        )
    };
    format!("do:\n{}", (0..length).map(step).collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_call_of_its_own_the_call_is_made_again_and_recorded_once() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(gate.clone(), "{}".into())).await;
    let mut doomed = world.process(ZONES);
    let run = world.begin(&definition("call", &chain(web.port(), 1)), Value::Null).await;
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    doomed.kill();
    let _survivor = world.process(ZONES);
    wait_until("the call is made again", LONG, || async { web.calls() == 2 }).await;
    gate.add_permits(2);
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    assert_eq!(steps(&world.view(run).await, "s0").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_must_not_be_made_twice_fails_as_ambiguous_instead() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(gate.clone(), "{}".into())).await;
    let mut doomed = world.process(ZONES);
    let text = chain(web.port(), 1).replace("}}\n", "}, metadata: {neptune: {delivery: at-most-once}}}\n");
    let run = world.begin(&definition("once", &text), Value::Null).await;
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    doomed.kill();
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, web.calls()), (RunOutcome::Faulted, 1), "{fact:?}");
    assert_eq!(fact.error.unwrap()["status"], 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_goes_on_although_everybody_who_knew_it_is_dead() {
    let mut world = world().await;
    let mut doomed = world.process(ZONES);
    let text = "do:\n  - set: {set: {x: 1}}\n  - rest: {wait: PT4S}\n  - out: {set: {x: '${ .x + 1 }'}}\n";
    let run = world.begin(&definition("wait", text), Value::Null).await;
    world.until(run, "it waits", |view| is_running(view, "rest")).await;
    doomed.kill();
    world.nats.kill().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.nats.restart().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let _survivor = world.process(ZONES);
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output, Some(json!({"x": 2})), "{fact:?}");
    let view = world.view(run).await;
    assert!(view.steps.iter().all(|step| steps(&view, &step.name).len() == 1), "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_end_with_each_step_recorded_once_however_often_executors_are_killed() {
    const RUNS: usize = 12;
    const STEPS: usize = 20;
    let world = world().await;
    let web = Upstream::that(Reply::Slow(Duration::from_millis(20), "{}".into())).await;
    let mut pool = [world.process(ZONES), world.process(ZONES)];
    world.apply(&definition("long", &chain(web.port(), STEPS))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(world.submit_run("test/long", Value::Null).await);
    }
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(400 + 130 * round)).await;
        let index = usize::from(round % 2 == 1);
        pool[index].kill();
        pool[index] = world.process(ZONES);
    }
    for run in &runs {
        let fact = world.run_ended(*run).await;
        assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
        let view = world.view(*run).await;
        for number in 0..STEPS {
            let found = steps(&view, &format!("s{number}"));
            assert_eq!((found.len(), found[0].state.as_str()), (1, "done"), "step {number} of {run}");
        }
    }
    let (wanted, made) = (RUNS * STEPS, web.calls());
    assert!(made >= wanted, "{made} of {wanted}");
    // Only calls that were under way when their executor was killed are made again.
    assert!(made - wanted <= 6 * RUNS, "{} calls were made again", made - wanted);
}
