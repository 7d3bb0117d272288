//! What the executor adds around a call of a model that answers at once: whole, in pieces, and within limits that
//! all executors keep together.
#![allow(clippy::print_stdout, reason = "this is what the bench is for")]

use super::{
    load::{Sample, closed_loop_of},
    processes::usage,
};
use crate::{
    keys::key,
    resources::{CALLER, manifest},
    stack::Stack,
};
use neptune_contracts::finished::TaskFinished;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A model that answers at once.
const OPEN: &str = "openai/gpt-4.1";
/// The same with limits that are never reached.
const LIMITED: &str = "openai/limited";
/// Tasks at a time while CPU time is counted.
const IN_FLIGHT: usize = 32;
/// CPU time is counted so often, and the middle one told: a machine that others use has slow moments.
const ROUNDS: usize = 5;

/// What one way of calling gave; times in microseconds, sorted.
struct Way {
    name: &'static str,
    /// From taking the task to its finished fact, the model's time included.
    around_us: Vec<u64>,
    /// The same exchange between this process and the simulator.
    direct_us: Vec<u64>,
    /// CPU time of the executor per task, in each round; sorted.
    cpu_us: Vec<u64>,
}

/// Measures each way for `seconds`, one task at a time, and five times as long with 32 at a time.
pub async fn measure(seconds: u64) {
    let stack = Stack::start().await;
    stack.simulate(OPEN, json!({"answer": "yes, it is"})).await;
    stack.simulate(LIMITED, json!({"answer": "yes, it is"})).await;
    let limits = json!({"requestsPerMinute": 1_000_000_000, "inFlight": 1_000_000_000});
    let spec = json!({
        "provider": "openai", "endpoint": "${NEPTUNE_SIMULATOR_URL}/v1", "upstreamModel": LIMITED, "limits": limits,
        "price": {"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"}, "timeoutMs": 5000
    });
    stack.apply(&[manifest("Model", LIMITED, spec)]).await;
    let duration = Duration::from_secs(seconds);
    let mut ways = Vec::new();
    for (name, model, is_streamed) in
        [("whole", OPEN, false), ("in pieces", OPEN, true), ("within limits", LIMITED, false)]
    {
        ways.push(way((&stack, duration), name, model, is_streamed).await);
    }
    println!(
        "| a call | around it p50 us | p99 us | the exchange alone p50 us | added p50 us | executor's CPU us per task | least to most |\n|---|--:|--:|--:|--:|--:|--:|"
    );
    for way in &ways {
        let [p50, p99] = [0.5, 0.99].map(|share| quantile(&way.around_us, share));
        let direct = quantile(&way.direct_us, 0.5);
        let [least, middle, most] = [0.0, 0.5, 1.0].map(|share| quantile(&way.cpu_us, share));
        let (name, added) = (way.name, p50.saturating_sub(direct));
        println!("| {name} | {p50} | {p99} | {direct} | {added} | {middle} | {least} to {most} |");
    }
    println!("\nin pieces the times are those until the first piece of content was passed on");
}

async fn way((stack, duration): (&Stack, Duration), name: &'static str, model: &str, is_streamed: bool) -> Way {
    let body = json!({"model": model, "stream": is_streamed, "messages": [{"role": "user", "content": "Is this pump broken?"}]});
    let (mut around_us, mut direct_us) = (Vec::new(), Vec::new());
    let (begin, end) = (Instant::now() + duration / 5, Instant::now() + duration);
    // In turn, so that a slow moment of the machine meets both.
    while Instant::now() < end {
        let fact = through(stack, &body).await;
        let direct = exchange(stack, &body, is_streamed).await;
        if Instant::now() >= begin {
            around_us.push(if is_streamed { fact.attempts[0].first_token_us.unwrap() } else { around(&fact) });
            direct_us.push(direct);
        }
    }
    around_us.sort_unstable();
    direct_us.sort_unstable();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(cpu_us(stack, &body, duration).await);
    }
    rounds.sort_unstable();
    Way { name, around_us, direct_us, cpu_us: rounds }
}

/// From the moment in which the executor had the task to the moment in which its fact was made.
fn around(fact: &TaskFinished) -> u64 {
    fact.times.finished_at.micros_since(fact.times.started_at.unwrap())
}

async fn through(stack: &Stack, body: &Value) -> TaskFinished {
    let answer = stack.post("/v1/chat/completions").json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let task = answer.headers()["x-neptune-task-id"].to_str().unwrap().parse().unwrap();
    answer.bytes().await.unwrap();
    stack.bus.result(&"support".parse().unwrap(), task).await.unwrap().unwrap()
}

/// The time of the same call of the simulator itself: until its body was there, or the first piece of content.
async fn exchange(stack: &Stack, body: &Value, is_streamed: bool) -> u64 {
    let clock = Instant::now();
    let url = format!("{}/v1/chat/completions", stack.simulator_url);
    let mut answer = stack.http().post(url).json(body).send().await.unwrap();
    let mut said = Vec::new();
    let mut first_us = None;
    while let Some(bytes) = answer.chunk().await.unwrap() {
        said.extend_from_slice(&bytes);
        let has_content = || String::from_utf8_lossy(&said).contains("\"yes,");
        if is_streamed && first_us.is_none() && has_content() {
            first_us = Some(micros(clock));
        }
    }
    first_us.unwrap_or_else(|| micros(clock))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred microseconds")]
async fn cpu_us(stack: &Stack, body: &Value, duration: Duration) -> u64 {
    let url = format!("{}/v1/chat/completions", stack.url);
    let before = usage(&stack.pids())["executor"].cpu_us;
    let sample: Sample = closed_loop_of(&url, &key(CALLER).key, IN_FLIGHT, (duration, body)).await;
    assert_eq!(sample.failures, 0);
    let used = usage(&stack.pids())["executor"].cpu_us - before;
    // The warm-up of a fifth is in the CPU time too.
    (used as f64 / (sample.per_second * duration.as_secs_f64() * 1.2)).round() as u64
}

fn micros(clock: Instant) -> u64 {
    u64::try_from(clock.elapsed().as_micros()).unwrap()
}

fn quantile(sorted: &[u64], share: f64) -> u64 {
    Sample { latencies_us: sorted.to_vec(), ..Sample::default() }.quantile_us(share)
}
