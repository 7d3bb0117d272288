//! Services and the broker are killed in turn under runs of workflows: every run ends, each step is recorded once, and
//! models are called again only for what was under way. `bench kills` is the same with a thousand runs and hundreds of
//! kills.

use neptune_tests::{
    kills::{BOTH, BROKER, Storm, storm, workflow},
    stack::Stack,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::RwLock;

const VICTIMS: &[&str] =
    &["executor", "router", "executor", "governance", "executor", BROKER, "executor", "ingress", BOTH, "executor"];

#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_with_each_step_recorded_once_whoever_is_killed() {
    let stack = Stack::start().await;
    stack.apply(&[workflow()]).await;
    stack.ready().await;
    let stack = Arc::new(RwLock::new(stack));
    let plan = Storm {
        runs: 100,
        run_pause: Duration::from_millis(100),
        victims: VICTIMS,
        kill_pause: Duration::from_millis(1_200),
        kills: VICTIMS.len(),
    };
    let survived = storm(&stack, &plan).await;
    let extra = survived.calls.saturating_sub(survived.wanted);
    println!("kills {:?}, {} steps, {extra} calls made again", survived.kills, survived.wanted);
    assert!(survived.calls >= survived.wanted, "a step has an answer that no model gave");
    assert!(extra <= survived.wanted / 10, "{extra} calls were made again");
    assert!(survived.kills.values().sum::<usize>() >= 5, "the runs were over before anybody was killed");
}
