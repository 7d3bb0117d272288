//! Kills under a thousand runs of workflows: what they cost, and how soon runs go on.

use crate::{
    kills::{BOTH, BROKER, SECOND, STEPS, Storm, recovery, storm, workflow},
    stack::Stack,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::RwLock;

/// Between two runs, so that a thousand of them take the better part of seven minutes.
const RUN_PAUSE: Duration = Duration::from_millis(400);
/// Between two kills: more than three hundred in all. Each costs the calls that are under way, two on the average.
const KILL_PAUSE: Duration = Duration::from_millis(1_200);
/// Executors die twice as often as all others together.
const VICTIMS: &[&str] = &[
    "executor",
    SECOND,
    "router",
    "executor",
    SECOND,
    "governance",
    "executor",
    SECOND,
    BROKER,
    "executor",
    SECOND,
    BOTH,
];
/// Of a hundred calls so many may be made in vain.
const EXTRA_PERCENT: u64 = 4;
/// After this time a run goes on whose executor died.
const RECOVERY: Duration = Duration::from_secs(12);
/// Runs whose executors are two when one of them is killed: as many as two cores carry without falling behind.
const HELD: usize = 30;

/// Lets `runs` runs go through hundreds of kills, and prints what came out.
///
/// # Panics
/// A run does not end as it should, a step is not recorded once, too many calls are made again, or a run goes on too
/// late.
#[allow(clippy::print_stdout, reason = "this is what it is for")]
pub async fn measure(runs: usize) {
    let mut stack = Stack::start().await;
    stack.apply(&[workflow()]).await;
    stack.join("executor", SECOND);
    stack.ready().await;
    for model in ["openai/gpt-4.1", "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", "meta/llama-3.3-70b"] {
        stack.simulate(model, json!({"latency": {"uniformMs": {"min": 20, "max": 100}}})).await;
    }
    let stack = Arc::new(RwLock::new(stack));
    let mut times = Vec::new();
    for round in 0..4 {
        times.extend(recovery(&stack, (round, HELD)).await);
    }
    times.sort_unstable();
    let late = times.iter().filter(|time| **time > Duration::from_secs(1)).count();
    let longest = times.last().copied().unwrap_or_default();
    println!(
        "4 executors killed for good under {} runs: {late} of them waited, the longest {longest:.1?}",
        times.len()
    );
    let (run_pause, kill_pause) = (RUN_PAUSE, KILL_PAUSE);
    let survived = storm(&stack, &Storm { runs, run_pause, victims: VICTIMS, kill_pause, kills: usize::MAX }).await;
    let kills: usize = survived.kills.values().sum();
    let extra = survived.calls.saturating_sub(survived.wanted);
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let percent = extra as f64 * 100.0 / survived.wanted as f64;
    println!("{kills} kills: {:?}", survived.kills);
    println!("{runs} runs of {STEPS} steps all completed in {:.0?}, each step recorded once", survived.took);
    println!("{} calls for {} steps: {extra} made again, {percent:.2} %", survived.calls, survived.wanted);
    assert!(survived.calls >= survived.wanted, "a step has an answer that no model gave");
    assert!(extra * 100 <= survived.wanted * EXTRA_PERCENT, "more than {EXTRA_PERCENT} % of calls were made again");
    assert!(longest <= RECOVERY, "a run went on only after {longest:.1?}");
}
