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
const IN_FLIGHT: usize = 64;
/// Whoever has no answer by then looks for the stored fact.
const PATIENCE: Duration = Duration::from_secs(180);
/// Calls that take longer are given up; a slow one takes three times as long.
const TIMEOUT_MS: u64 = 2_000;
/// Digits enough that every call is rounded.
const PRICE: [(&str, &str); 4] = [
    ("inputUsdPerMtok", "2.1234567891"),
    ("cachedInputUsdPerMtok", "0.53086419723"),
    ("cacheWriteUsdPerMtok", "2.654320986"),
    ("outputUsdPerMtok", "8.7654321987"),
];

/// Models by name: how they are spoken to, where, and whether they have a credential of their own.
const MODELS: [(&str, &str, &str, bool); 4] = [
    ("faulty/openai", "openai", "/v1", false),
    ("faulty/azure", "azure", "", false),
    ("faulty/anthropic", "anthropic", "/v1", false),
    ("faulty/guarded", "openai", "/v1", true),
];
/// Where the credential of the last one stands.
const CREDENTIAL: &str = "FAULTY_PROVIDER_KEY";

/// So many tasks take long enough for every class.
const MANY: usize = 2_000;

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
        // A refused credential is left alone for a minute: a short run meets only one kind of refusal.
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
    let variables = [("NEPTUNE_SIMULATOR_CALLS_KEPT_COUNT", "1000000"), (CREDENTIAL, "key-of-the-provider")];
    let stack = Stack::start_in("", &variables).await;
    let price: Value =
        PRICE.into_iter().map(|(name, usd)| (name.to_owned(), json!(usd))).collect::<serde_json::Map<_, _>>().into();
    for (name, provider, below, has_credential) in MODELS {
        let mut spec = json!({
            "provider": provider, "endpoint": format!("${{NEPTUNE_SIMULATOR_URL}}{below}"), "upstreamModel": name,
            "price": price, "quality": {"default": 0.8}, "speed": {"firstTokenMs": 5, "tokensPerSecond": 1000},
            "timeoutMs": TIMEOUT_MS,
        });
        if has_credential {
            spec["credentialEnv"] = json!(CREDENTIAL);
        }
        stack.apply(&[manifest("Model", name, spec)]).await;
        let tokens = json!({"cachedShare": 0.25, "cacheWriteShare": 0.1, "reasoning": 7});
        let mut behaviour = json!({
            "latency": {"uniformMs": {"min": 1.0, "max": 20.0}}, "faults": faults(has_credential), "tokens": tokens, "price": price,
        });
        // A refused credential is left alone for a minute, so that chance alone would seldom bring both refusals.
        let first = if has_credential { json!(1) } else { json!(0) };
        (behaviour["failNext"], behaviour["failWith"]) = (first, json!("auth"));
        stack.simulate(name, behaviour).await;
    }
    // Each model comes first in a quarter of the tasks, and the others follow.
    for (index, (name, ..)) in MODELS.iter().enumerate() {
        let others: Vec<&str> = MODELS.iter().map(|(other, ..)| *other).filter(|other| other != name).collect();
        let spec = json!({"candidates": [name], "fallback": others, "maxAttempts": 3});
        stack.apply(&[manifest("Route", &route(index), spec)]).await;
    }
    stack
}

fn route(index: usize) -> String {
    format!("faulty-{}", index % MODELS.len())
}

/// Three calls of ten, in every way. Only the provider with a credential of its own refuses it.
fn faults(has_credential: bool) -> Value {
    let mut faults = json!({
        "rateLimit": 0.035, "retryAfterMs": 200, "rateLimitUntold": 0.03, "serverError": 0.04, "slow": 0.03,
        "slowMs": TIMEOUT_MS * 3, "cut": 0.035, "cutMidway": 0.03, "malformed": 0.04, "contextLength": 0.03, "filter": 0.03,
    });
    if has_credential {
        for (kind, rate) in
            [("rateLimit", 0.02), ("rateLimitUntold", 0.01), ("cut", 0.03), ("auth", 0.005), ("quota", 0.035)]
        {
            faults[kind] = json!(rate);
        }
    }
    faults
}

/// Runs `count` tasks on a stack of [`start`].
///
/// # Panics
/// A task has no fact, or more than one; or the ledger differs from the simulator's account.
pub async fn run(stack: &Stack, count: usize) -> Report {
    let begun = Instant::now();
    let ids: Vec<TaskId> =
        stream::iter(0..count).map(|number| submit(stack, number)).buffer_unordered(IN_FLIGHT).collect().await;
    let facts = facts(stack, &ids).await;
    let elapsed = begun.elapsed();
    let stored = || async { stack.nats.stream_messages("NEPTUNE_RESULTS").await };
    let settled = || async {
        let open =
            stack.nats.stream_messages("NEPTUNE_TASKS").await + stack.nats.stream_messages("NEPTUNE_TIMERS").await;
        open == 0
    };
    wait_until("no accept and no timer is left", PATIENCE, settled).await;
    assert_eq!(stored().await, count as u64, "one fact a task");
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

async fn facts(stack: &Stack, ids: &[TaskId]) -> Vec<TaskFinished> {
    let team = "support".parse().unwrap();
    let mut facts = Vec::with_capacity(ids.len());
    for id in ids {
        let ended = || async { stack.bus.result(&team, *id).await.is_ok_and(|found| found.is_some()) };
        wait_until(&format!("task {id} ends"), PATIENCE, ended).await;
        facts.push(stack.bus.result(&team, *id).await.unwrap().unwrap());
    }
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
