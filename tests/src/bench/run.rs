//! The measurements.

use super::{
    load::{Sample, closed_loop},
    processes::{Use, usage},
};
use crate::{keys::key, resources::CALLER, stack::Stack};
use neptune_testkit::process::{Server, free_port};
use std::{collections::BTreeMap, process::Command, time::Duration};

/// Requests in flight that are measured.
pub const DEPTHS: [usize; 4] = [1, 8, 32, 128];

/// The broker's setting under which every accept is on disk before it is acknowledged.
pub const SYNCED: &str = "sync_interval: always";

/// What was measured.
pub struct Report {
    /// One entry a broker setting.
    pub settings: Vec<Setting>,
}

/// What was measured under one broker setting.
pub struct Setting {
    /// What the setting is.
    pub name: &'static str,
    /// The paths by name: requests in flight and what they gave.
    pub paths: Vec<(&'static str, Vec<(usize, Sample)>)>,
    /// Share of a task's time per hop, in microseconds at one in flight: median.
    pub hops: Vec<(&'static str, u64)>,
    /// CPU per task in microseconds at 32 in flight, by process.
    pub cpu_per_task: BTreeMap<String, f64>,
    /// Memory before and after the load.
    pub idle: BTreeMap<String, Use>,
    /// Memory after the load.
    pub loaded: BTreeMap<String, Use>,
}

/// Measures everything, `seconds` a sample.
pub async fn measure(seconds: u64) -> Report {
    let mut settings = Vec::new();
    for (name, config) in [("every accept synced to disk", SYNCED), ("broker's default sync", "")] {
        settings.push(setting(name, config, Duration::from_secs(seconds)).await);
    }
    Report { settings }
}

/// Loads Neptune alone, for a profiler or a quick look: prints process ids, the rate and the CPU
/// time per task.
#[allow(clippy::print_stdout, reason = "this is what it is for")]
pub async fn watch(config: &str, depth: usize, seconds: u64) {
    let stack = Stack::start_with(config).await;
    println!("{:?}", stack.pids());
    let (url, caller) = (format!("{}/v1/chat/completions", stack.url), key(CALLER).key);
    let (before, duration) = (usage(&stack.pids()), Duration::from_secs(seconds));
    let sample = closed_loop(&url, &caller, depth, duration).await;
    let cpu = per_task(&before, &usage(&stack.pids()), &sample, duration);
    let [p50, p99] = [0.5, 0.99].map(|share| sample.quantile_us(share));
    println!("{:.0} tasks/s, p50 {p50} us, p99 {p99} us, {} failures", sample.per_second, sample.failures);
    println!("CPU us per task: {cpu:.0?}; in all {:.0}", cpu.values().sum::<f64>());
}

async fn setting(name: &'static str, config: &str, duration: Duration) -> Setting {
    let stack = Stack::start_with(config).await;
    let (proxy_port, bus_port) = (free_port(), free_port());
    let _proxy = floor(&stack, "floor-proxy", proxy_port, &stack.simulator_url);
    let _bus = floor(&stack, "floor-bus", bus_port, &stack.nats.url());
    let path = |base: String| format!("{base}/v1/chat/completions");
    let targets = [
        ("simulator itself", path(stack.simulator_url.clone())),
        ("JSON proxy", path(format!("http://127.0.0.1:{proxy_port}"))),
        ("HTTP to JetStream to reply", path(format!("http://127.0.0.1:{bus_port}"))),
        ("Neptune", path(stack.url.clone())),
    ];
    let caller = key(CALLER).key;
    let idle = usage(&stack.pids());
    let mut paths: Vec<(&'static str, Vec<(usize, Sample)>)> =
        targets.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let mut cpu_per_task = BTreeMap::new();
    for depth in DEPTHS {
        // The paths take turns at each depth, so that a slow moment of the machine meets all.
        for (index, (_, url)) in targets.iter().enumerate() {
            let before = usage(&stack.pids());
            let sample = closed_loop(url, &caller, depth, duration).await;
            if depth == 32 && index == 3 {
                cpu_per_task = per_task(&before, &usage(&stack.pids()), &sample, duration);
            }
            paths[index].1.push((depth, sample));
        }
    }
    let hops = hops(&stack).await;
    let loaded = usage(&stack.pids());
    Setting { name, paths, hops, cpu_per_task, idle, loaded }
}

fn floor(stack: &Stack, kind: &str, port: u16, upstream: &str) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([kind, &format!("127.0.0.1:{port}"), upstream]);
    Server::start(command, port, &stack.folder.path().join(format!("{kind}.log")))
}

fn per_task(
    before: &BTreeMap<String, Use>,
    after: &BTreeMap<String, Use>,
    sample: &Sample,
    duration: Duration,
) -> BTreeMap<String, f64> {
    // The warm-up of a fifth is in the CPU time too.
    let tasks = sample.per_second * duration.as_secs_f64() * 1.2;
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let share = |name: &String, after: &Use| {
        after.cpu_us.saturating_sub(before.get(name).map_or(0, |before| before.cpu_us)) as f64 / tasks
    };
    after.iter().map(|(name, after)| (name.clone(), share(name, after))).collect()
}

/// Medians of the stages' own timestamps over a hundred tasks, one at a time.
async fn hops(stack: &Stack) -> Vec<(&'static str, u64)> {
    let mut all: Vec<Vec<u64>> = vec![Vec::new(); 4];
    for number in 0..100 {
        let body = serde_json::json!({"input": {"messages": [{"role": "user", "content": format!("What is pump {number}?")}]}});
        let fact: neptune_contracts::finished::TaskFinished =
            stack.post("/v1/tasks?wait=30").json(&body).send().await.unwrap().json().await.unwrap();
        let times = fact.times;
        let (admitted, routed, started) =
            (times.admitted_at.unwrap(), times.routed_at.unwrap(), times.started_at.unwrap());
        let called: u64 = fact.attempts.iter().map(|attempt| attempt.latency_us).sum();
        all[0].push(admitted.micros_since(times.submitted_at));
        all[1].push(routed.micros_since(admitted));
        all[2].push(started.micros_since(routed));
        all[3].push(times.finished_at.micros_since(started).saturating_sub(called));
    }
    let names = [
        "accept stored to governance",
        "governance to router",
        "router to executor, lease taken",
        "executor around the call",
    ];
    names
        .into_iter()
        .zip(all)
        .map(|(name, mut values)| {
            values.sort_unstable();
            (name, values[values.len() / 2])
        })
        .collect()
}
