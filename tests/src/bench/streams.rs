//! Many answers in pieces at a time: whether each arrives whole and in order, how long the first word
//! takes, and what the processes need for it.
#![allow(clippy::print_stdout, reason = "this is what the bench is for")]

use super::processes::{Use, usage};
use crate::{keys::key, resources::CALLER, stack::Stack};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const MODEL: &str = "openai/gpt-4.1";
/// 20 tokens a second.
const PER_TOKEN_MS: u64 = 50;
/// Ten seconds of them; each is a number, so that one out of its place is seen.
const TOKENS: usize = 200;
/// Streams are begun over this time, as callers come.
const RAMP: Duration = Duration::from_secs(4);
/// Memory that the executor may take, in MiB.
const MOST_MIB: u64 = 200;

/// What one stream gave.
struct Stream {
    /// Until the first word was there.
    first: Duration,
    /// The words that came, in the order they came.
    words: Vec<String>,
    /// It ended as streams do.
    is_ended: bool,
    /// How it went wrong, in the server's words.
    error: Option<String>,
}

/// Measures `count` concurrent streams through Neptune, and as many of the simulator itself.
pub async fn measure(count: usize) {
    let room = (count * 2).to_string();
    let stack = Stack::start_in("", &[("NEPTUNE_EXECUTOR_REALTIME_CONCURRENCY", &room)]).await;
    let answer: String = expected().concat();
    stack.simulate(MODEL, json!({"perOutputTokenMs": PER_TOKEN_MS, "answer": answer})).await;
    let idle = usage(&stack.pids());
    let direct = run(&stack.simulator_url, count, None).await;
    let before = usage(&stack.pids());
    let begun = Instant::now();
    let through = run(&stack.url, count, Some(&key(CALLER).key)).await;
    let elapsed = begun.elapsed();
    let after = usage(&stack.pids());
    println!(
        "{count} streams of {TOKENS} tokens at {} a second, begun over {} s; all were over after {:.1} s",
        1_000 / PER_TOKEN_MS,
        RAMP.as_secs(),
        elapsed.as_secs_f64()
    );
    let [own, plain] = [&through, &direct].map(|streams| {
        let whole = streams.iter().filter(|stream| stream.is_ended && stream.words == expected()).count();
        let mut firsts: Vec<Duration> = streams.iter().map(|stream| stream.first).collect();
        firsts.sort_unstable();
        (whole, [0.5, 0.99].map(|share| quantile(&firsts, share)))
    });
    println!(
        "whole and in order: {} of {count} through Neptune, {} of {count} of the simulator itself",
        own.0, plain.0
    );
    for stream in through.iter().filter(|stream| !stream.is_ended || stream.words != expected()).take(3) {
        println!("broken after {} words, first in {:?}: {:?}", stream.words.len(), stream.first, stream.error);
    }
    for (index, name) in ["p50", "p99"].into_iter().enumerate() {
        let (own, plain) = (own.1[index], plain.1[index]);
        println!("first word {name}: {own:.1} ms, of the simulator itself {plain:.1} ms, added {:.1} ms", own - plain);
    }
    print_processes(&idle, &before, &after);
    assert_eq!(own.0, count, "a piece was lost or came out of order");
    let executor_mib = after["executor"].peak_kib / 1_024;
    assert!(executor_mib <= MOST_MIB, "the executor took {executor_mib} MiB; the limit is {MOST_MIB}");
}

/// The tokens as the simulator cuts them: four characters each.
fn expected() -> Vec<String> {
    (0..TOKENS).map(|number| format!("{number:03} ")).collect()
}

async fn run(base: &str, count: usize, key: Option<&str>) -> Vec<Stream> {
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().unwrap();
    let begin = Instant::now();
    let streams = (0..count).map(|index| {
        let (client, url) = (client.clone(), format!("{base}/v1/chat/completions"));
        let key = key.map(str::to_owned);
        let wait = RAMP.mul_f64(f64::from(u32::try_from(index).unwrap()) / f64::from(u32::try_from(count).unwrap()));
        tokio::spawn(async move {
            tokio::time::sleep_until((begin + wait).into()).await;
            let body = json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": format!("Count to {index}.")}]});
            let mut request = client.post(url).json(&body);
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            read(request).await
        })
    });
    let mut all = Vec::new();
    for stream in streams.collect::<Vec<_>>() {
        all.push(stream.await.unwrap());
    }
    all
}

async fn read(request: reqwest::RequestBuilder) -> Stream {
    let clock = Instant::now();
    let mut stream = Stream { first: Duration::MAX, words: Vec::new(), is_ended: false, error: None };
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            stream.error = Some(error.to_string());
            return stream;
        }
    };
    let status = answer.status();
    let mut rest = String::new();
    while let Ok(Some(bytes)) = answer.chunk().await {
        rest.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((event, after)) =
            rest.split_once("\n\n").map(|(event, after)| (event.to_owned(), after.to_owned()))
        {
            rest = after;
            let data = event.strip_prefix("data: ").unwrap_or_default();
            stream.is_ended |= data == "[DONE]";
            if data.starts_with("{\"error\"") {
                stream.error = Some(data.to_owned());
            }
            // The load is on the same machine as what is measured, so it reads no more than it needs.
            let word =
                data.split_once("\"content\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
            if !word.is_empty() {
                stream.first = stream.first.min(clock.elapsed());
                stream.words.push(word.to_owned());
            }
        }
    }
    if !status.is_success() {
        stream.error = Some(format!("{status}: {rest}"));
    }
    stream
}

fn print_processes(idle: &BTreeMap<String, Use>, before: &BTreeMap<String, Use>, after: &BTreeMap<String, Use>) {
    println!("\n| process | CPU ms of the whole run | resident MiB idle | at most |\n|---|--:|--:|--:|");
    for (name, after) in after {
        let of = |uses: &BTreeMap<String, Use>| uses.get(name).copied().unwrap_or_default();
        let cpu_ms = after.cpu_us.saturating_sub(of(before).cpu_us) / 1_000;
        println!("| {name} | {cpu_ms} | {} | {} |", of(idle).resident_kib / 1_024, after.peak_kib / 1_024);
    }
}

/// In milliseconds.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).map_or(0.0, |first| first.as_secs_f64() * 1_000.0)
}
