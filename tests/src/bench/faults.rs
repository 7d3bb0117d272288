//! Tasks while everything goes wrong that can: what callers see of it, whether each task ends once, and whether the
//! ledger is right to the pico by the simulator's own account.
#![allow(clippy::print_stdout, reason = "this is what the bench is for")]

mod account;

use crate::{resources::manifest, stack::Stack};
use account::{Entry, compare};
use futures::{StreamExt as _, stream};
use neptune_contracts::{
    finished::{Outcome, TaskFinished},
    ids::TaskId,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Tasks whose answers are waited for at a time.
const IN_FLIGHT: usize = 256;
/// What follows the tasks, such as the ledger, is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(180);
/// While tasks are under way some end all the time; when none has for so long, those that are left are lost.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Calls that take longer are given up; a slow one takes three times as long.
const TIMEOUT_MS: u64 = 2_000;
/// Digits enough that every call is rounded.
const PRICE: [(&str, &str); 4] = [
    ("inputUsdPerMtok", "2.1234567891"),
    ("cachedInputUsdPerMtok", "0.53086419723"),
    ("cacheWriteUsdPerMtok", "2.654320986"),
    ("outputUsdPerMtok", "8.7654321987"),
];

/// A model: how it is spoken to, where, and the refusal that it begins with, which is one of its own credential.
struct Model {
    name: &'static str,
    provider: &'static str,
    below: &'static str,
    refuses: Option<&'static str>,
}

/// Three answer most of the time. What refuses a credential is left alone for a minute, so it takes a model of its own
/// for each kind of refusal, whose first call is refused: chance alone would seldom bring both.
const MODELS: [Model; 5] = [
    Model { name: "faulty/openai", provider: "openai", below: "/v1", refuses: None },
    Model { name: "faulty/azure", provider: "azure", below: "", refuses: None },
    Model { name: "faulty/anthropic", provider: "anthropic", below: "/v1", refuses: None },
    Model { name: "faulty/locked", provider: "openai", below: "/v1", refuses: Some("auth") },
    Model { name: "faulty/broke", provider: "openai", below: "/v1", refuses: Some("quota") },
];
/// Where their credentials stand.
const CREDENTIALS: [(&str, &str); 2] = [("auth", "FAULTY_LOCKED_KEY"), ("quota", "FAULTY_BROKE_KEY")];

/// From here on each class is as good as sure to be met: the rarest by chance is 2 calls of 100, of which none comes in
/// 1,000 once in five hundred million runs; the refusals of credentials come with the first call.
const MANY: usize = 1_000;

/// Every class of failure that is injected.
pub const CLASSES: [&str; 9] =
    ["rate_limit", "quota", "auth", "context_length", "refusal", "timeout", "overload", "malformed", "network"];

/// What a run gave.
pub struct Report {
    /// Tasks.
    pub tasks: usize,
    /// Those that did not complete, in words.
    pub failed: Vec<String>,
    /// Calls that were recorded.
    pub attempts: usize,
    /// Failures by class.
    pub classes: BTreeMap<String, usize>,
    /// Tasks that were put off.
    pub put_off: usize,
    /// Cost of the calls whose usage was counted, in pico-dollars; the simulator charged the same.
    pub exact_pico_usd: i64,
    /// Cost of the calls that may have been billed, estimated.
    pub estimated_pico_usd: i64,
    /// Calls that the simulator answered in the moment in which they were given up.
    pub too_late: usize,
    /// How long the tasks took in all.
    pub elapsed: Duration,
}

/// Runs `count` tasks, prints what came of them, and checks it.
pub async fn measure(count: usize) {
    let report = run(&start().await, count).await;
    let per_second = report.tasks as f64 / report.elapsed.as_secs_f64();
    println!(
        "{} tasks in {:.1} s ({per_second:.0} a second), {} calls",
        report.tasks,
        report.elapsed.as_secs_f64(),
        report.attempts
    );
    println!("\n| failures by class | |\n|---|--:|");
    for (class, count) in &report.classes {
        println!("| {class} | {count} |");
    }
    let share = report.failed.len() as f64 * 100.0 / report.tasks as f64;
    println!(
        "\nfailures visible to the caller: {} ({share:.2} %); put off at least once: {}",
        report.failed.len(),
        report.put_off
    );
    for failed in report.failed.iter().take(5) {
        println!("- {failed}");
    }
    println!(
        "cost in the ledger: {} pico-dollars counted, as the simulator charged to the pico; {} estimated for calls that may have been billed; {} answers came as they were given up",
        report.exact_pico_usd, report.estimated_pico_usd, report.too_late
    );
    report.check();
}

impl Report {
    /// Fails unless what callers saw is within bounds and every kind of failure was met. The rest was checked while it
    /// was counted.
    pub fn check(&self) {
        let failures: usize = self.classes.values().sum();
        assert!(failures * 5 > self.attempts, "only {failures} of {} calls failed: too few faults", self.attempts);
        for class in CLASSES.into_iter().filter(|_| self.tasks >= MANY) {
            assert!(self.classes.contains_key(class), "no {class} among {:?}", self.classes);
        }
        assert!(
            self.failed.len() * 200 < self.tasks,
            "{} of {} failed: {:?}",
            self.failed.len(),
            self.tasks,
            self.failed
        );
    }
}

/// A whole system whose models fail in three calls of ten.
pub async fn start() -> Stack {
    let variables = [("NEPTUNE_SIMULATOR_CALLS_KEPT_COUNT", "1000000")];
    let keys = CREDENTIALS.map(|(_, variable)| (variable, "key-of-the-provider"));
    let stack = Stack::start_in("", &[&variables[..], &keys[..]].concat()).await;
    let price: Value =
        PRICE.into_iter().map(|(name, usd)| (name.to_owned(), json!(usd))).collect::<serde_json::Map<_, _>>().into();
    for model in &MODELS {
        let mut spec = json!({
            "provider": model.provider, "endpoint": format!("${{NEPTUNE_SIMULATOR_URL}}{}", model.below),
            "upstreamModel": model.name, "price": price, "quality": {"default": 0.8},
            "speed": {"firstTokenMs": 5, "tokensPerSecond": 1000}, "timeoutMs": TIMEOUT_MS,
        });
        let credential = CREDENTIALS.iter().find(|(kind, _)| model.refuses == Some(kind));
        if let Some((_, variable)) = credential {
            spec["credentialEnv"] = json!(variable);
        }
        stack.apply(&[manifest("Model", model.name, spec)]).await;
        let tokens = json!({"cachedShare": 0.25, "cacheWriteShare": 0.1, "reasoning": 7});
        let mut behaviour = json!({
            "latency": {"uniformMs": {"min": 1.0, "max": 20.0}}, "faults": faults(), "tokens": tokens, "price": price,
        });
        if let Some(kind) = model.refuses {
            (behaviour["failNext"], behaviour["failWith"]) = (json!(1), json!(kind));
        }
        stack.simulate(model.name, behaviour).await;
    }
    // Each model comes first in a fifth of the tasks, and the others follow.
    for (index, model) in MODELS.iter().enumerate() {
        let others: Vec<&str> = MODELS.iter().map(|other| other.name).filter(|other| *other != model.name).collect();
        let spec = json!({"candidates": [model.name], "fallback": others, "maxAttempts": 3});
        stack.apply(&[manifest("Route", &route(index), spec)]).await;
    }
    stack
}

fn route(index: usize) -> String {
    format!("faulty-{}", index % MODELS.len())
}

/// Three calls of ten, in every way but a refused credential. Refusals for the rate are the rarest: each takes its model
/// from all tasks for a second, which a provider does when it is asked too often, and not by chance.
fn faults() -> Value {
    json!({
        "rateLimit": 0.01, "retryAfterMs": 200, "rateLimitUntold": 0.01, "serverError": 0.055, "slow": 0.03,
        "slowMs": TIMEOUT_MS * 3, "cut": 0.05, "cutMidway": 0.04, "malformed": 0.045, "contextLength": 0.03, "filter": 0.03,
    })
}

/// Runs `count` tasks on a stack of [`start`].
///
/// # Panics
/// Tasks have no fact, or more than one; or the ledger differs from the simulator's account.
pub async fn run(stack: &Stack, count: usize) -> Report {
    let begun = Instant::now();
    let ids: Vec<TaskId> =
        stream::iter(0..count).map(|number| submit(stack, number)).buffer_unordered(IN_FLIGHT).collect().await;
    let left = until_nothing_moves(stack).await;
    let elapsed = begun.elapsed();
    let facts = facts(stack, &ids, &left).await;
    assert_eq!(stack.nats.stream_messages("NEPTUNE_RESULTS").await, count as u64, "one fact a task");
    assert_eq!(left, Left::default(), "every task has its fact, and something is left of it");
    let entries = entries(stack, &facts).await;
    let compared = compare(&entries, &calls(stack).await);
    let failures = || facts.iter().flat_map(|fact| &fact.attempts).filter_map(|attempt| attempt.error.as_ref());
    let mut classes = BTreeMap::new();
    for error in failures() {
        *classes.entry(error.class.to_string()).or_default() += 1;
    }
    let failed = facts.iter().filter(|fact| fact.outcome != Outcome::Completed).map(in_words).collect();
    Report {
        tasks: facts.len(),
        failed,
        attempts: entries.len(),
        classes,
        put_off: facts.iter().filter(|fact| fact.parked.is_some()).count(),
        exact_pico_usd: compared.exact_pico_usd,
        estimated_pico_usd: compared.estimated_pico_usd,
        too_late: compared.too_late,
        elapsed,
    }
}

fn in_words(fact: &TaskFinished) -> String {
    let why = fact.error.as_ref().map(|error| format!("{}: {}", error.code, error.message)).unwrap_or_default();
    let waits = fact.parked.as_ref().map_or(0, |parked| parked.times);
    format!("{} {} after {} calls and {waits} waits: {why}", fact.id, fact.outcome.as_str(), fact.attempts.len())
}

/// Submits a task and waits for its answer; a caller that has none in time finds the fact later.
async fn submit(stack: &Stack, number: usize) -> TaskId {
    let id = TaskId::mint();
    let body = json!({
        "id": id, "input": {"messages": [{"role": "user", "content": format!("What is pump number {number} for?")}], "max_tokens": 200},
        "constraints": {"route": route(number)},
    });
    let accepted = || async {
        let Ok(answer) = stack.post("/v1/tasks?wait=60").json(&body).send().await else { return false };
        let is_accepted = matches!(answer.status().as_u16(), 200 | 202);
        answer.bytes().await.is_ok() && is_accepted
    };
    wait_until("a task is accepted", PATIENCE, accepted).await;
    id
}

/// What is left of tasks when nothing moves any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Left {
    accepts: u64,
    timers: u64,
}

/// Waits as long as tasks end.
async fn until_nothing_moves(stack: &Stack) -> Left {
    let count = async || {
        let stored = stack.nats.stream_messages("NEPTUNE_RESULTS").await;
        let accepts = stack.nats.stream_messages("NEPTUNE_TASKS").await;
        (stored, Left { accepts, timers: stack.nats.stream_messages("NEPTUNE_TIMERS").await })
    };
    let (mut last, mut moved) = (count().await, Instant::now());
    while last.1 != Left::default() && moved.elapsed() < STANDSTILL {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = count().await;
        if now.0 != last.0 {
            moved = Instant::now();
        }
        last = now;
    }
    last.1
}

/// The facts of all tasks, once none is under way any more.
async fn facts(stack: &Stack, ids: &[TaskId], left: &Left) -> Vec<TaskFinished> {
    let (team, mut facts, mut lost) = ("support".parse().unwrap(), Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match stack.bus.result(&team, *id).await.unwrap() {
            Some(fact) => facts.push(fact),
            None => lost.push(id.to_string()),
        }
    }
    let first: Vec<&String> = lost.iter().take(20).collect();
    assert!(lost.is_empty(), "{} of {} tasks are lost, {left:?} are left: {first:?}", lost.len(), ids.len());
    facts
}

/// The ledger's entries of calls, once it has all of them; they are those of the facts.
async fn entries(stack: &Stack, facts: &[TaskFinished]) -> Vec<Entry> {
    let attempts: usize = facts.iter().map(|fact| fact.attempts.len()).sum();
    let wanted = format!("{}|{attempts}", facts.len());
    let counted = "SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM ledger_entry WHERE kind = 2)";
    wait_until("the ledger has every task and call", PATIENCE, || async { stack.sql(counted) == wanted }).await;
    let rows = stack.sql(
        "SELECT entry_key, model, amount_pico_usd, estimated, coalesce(error->>'class', '') FROM ledger_entry WHERE kind = 2",
    );
    let entries: Vec<Entry> = rows.lines().map(Entry::read).collect();
    let total: i64 = entries.iter().map(|entry| entry.amount_pico_usd).sum();
    assert_eq!(total, facts.iter().map(|fact| fact.cost_usd.0).sum::<i64>(), "the ledger has what the facts say");
    entries
}

async fn calls(stack: &Stack) -> Vec<Value> {
    let url = format!("{}/admin/calls?limit=10000000", stack.simulator_url);
    let idle = || async { stack.account().await["total"]["in_flight"] == 0 };
    wait_until("the simulator has ended every call", PATIENCE, idle).await;
    let calls: Vec<Value> = stack.http().get(url).send().await.unwrap().json().await.unwrap();
    let total: u64 = calls.iter().map(|call| call["cost_pico_usd"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(stack.account().await["total"]["cost_pico_usd"], total.to_string(), "every call is in the list");
    calls
}
