//! How long a decision takes, with the kind of work recognised and the record made.
//!
//! Prints quantiles of single decisions, which criterion does not, and then criterion's report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use neptune_contracts::{
    Timestamp,
    admission::{Admission, Task},
    chat::ChatRequest,
    ids::TaskId,
    limits::{RateLimits, RateWindow},
    names::TaskType,
    resource::{ModelSpec, Resources},
};
use neptune_router::domain::{
    decide::decide,
    filter::Snapshot,
    headroom::Headroom,
    outlook::Outlook,
    quality::{Cell, Cells},
    residual::Wording,
    statistics::{AnswerStatistics, ModelStatistics, Statistics},
    words::{Heard, Judged, Words},
};
use neptune_testkit::builders;
use std::{collections::HashMap, hint::black_box, time::Instant};

const CANDIDATES: usize = 16;
const DECISIONS: usize = 100_000;

fn world() -> (Task, Admission, Resources, Statistics) {
    let names: Vec<String> = (0..CANDIDATES).map(|number| format!("provider-{}/model-{number}", number % 5)).collect();
    let mut resources = Resources::default();
    let mut statistics =
        Statistics { read_at_ms: Some(Timestamp::now().unix_micros() / 1_000), models: HashMap::new() };
    for (number, name) in names.iter().enumerate() {
        let quality = 0.6 + 0.02 * number as f64;
        let endpoint = format!("https://provider-{}.example/v1", number % 5);
        resources
            .models
            .insert(name.clone(), ModelSpec { endpoint, ..builders::model(quality, &format!("0.{}", number + 10)) });
        let answers = AnswerStatistics {
            answers: 32.0,
            latency_ms: 1_500.0,
            output_tokens: 220.0,
            ..AnswerStatistics::default()
        };
        let by_type = TaskType::ALL.iter().map(|task_type| (*task_type, answers)).collect();
        let measured = ModelStatistics { successes: 500.0, failures: 3.0, by_type, ..ModelStatistics::default() };
        statistics.models.insert(name.clone(), measured);
    }
    let text = "Summarize this ticket for the next shift. ".to_owned()
        + &"The customer ordered three lamps and got two of them. ".repeat(36);
    let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
    (builders::task("support", &text), builders::admission(&allowed), resources, statistics)
}

/// Feedback about every candidate at every level.
fn cells() -> Cells {
    let names = (0..CANDIDATES).map(|number| format!("provider-{}/model-{number}", number % 5));
    let of_all: HashMap<String, Cell> = names
        .map(|name| {
            (name, Cell { good: 60.0, bad: 20.0, at_ms: Timestamp::now().unix_micros() / 1_000, ..Cell::default() })
        })
        .collect();
    let mut contexts = vec!["*".to_owned()];
    for task_type in TaskType::ALL {
        contexts.push(format!("type:{task_type}"));
        contexts.extend(["short", "medium", "long", "huge"].map(|band| format!("band:{task_type}:{band}")));
    }
    contexts.into_iter().map(|context| (context, of_all.clone())).collect()
}

/// Words that are used for every candidate.
fn words() -> Words {
    let text = |number: usize| match number % 2 {
        0 => format!("Summarize this ticket of customer {number} for the next shift: three lamps were ordered."),
        _ => format!("Write a poem number {number} on rain and the sea."),
    };
    let heard = |number: usize| Heard {
        judged: Judged {
            task: TaskId::mint(),
            model: format!("provider-{}/model-{}", number % CANDIDATES % 5, number % CANDIDATES),
            contexts: vec!["*".into(), "type:summarization".into(), "band:summarization:medium".into()],
            reward: f64::from(u8::from((number / CANDIDATES).is_multiple_of(2))),
            weight: 1.0,
            at_ms: 0,
        },
        wording: Wording::of(&ChatRequest::user(text(number / CANDIDATES))),
    };
    let heard: Vec<Heard> = (0..100 * CANDIDATES).map(heard).collect();
    let words = Words::learn(heard.iter());
    assert!(words.are_used());
    words
}

/// What every provider said about its limits.
fn headroom() -> HashMap<String, Headroom> {
    let resets_at = Timestamp::now().plus_millis(3_600_000);
    let window = Some(RateWindow { limit: Some(500_000), remaining: 400_000, resets_at });
    let limits = RateLimits { requests: window, tokens: window, ..RateLimits::default() };
    let names = (0..CANDIDATES).map(|number| format!("provider-{}/model-{number}", number % 5));
    names.map(|name| (name, Headroom { at_us: 1, limits })).collect()
}

fn bench(criterion: &mut Criterion) {
    let (task, admission, resources, statistics) = world();
    let (circuits, headroom, cells, words) = (HashMap::new(), headroom(), cells(), words());
    let once = || {
        let snapshot = Snapshot {
            resources: &resources,
            statistics: &statistics,
            circuits: &circuits,
            headroom: &headroom,
            cells: &cells,
            may_hedge: false,
            may_explore: true,
            outlook: Outlook { words: Some(&words), ..Outlook::default() },
            now: Timestamp::now(),
        };
        decide(black_box(&task), &admission, &snapshot)
    };
    let mut nanos: Vec<u128> = (0..DECISIONS)
        .map(|_| {
            let clock = Instant::now();
            black_box(once());
            clock.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let micros = |per_mille: usize| nanos[(DECISIONS - 1) * per_mille / 1_000] as f64 / 1_000.0;
    println!(
        "decide, {CANDIDATES} candidates, 2 KiB of text: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs",
        micros(500),
        micros(990),
        micros(999)
    );
    criterion.bench_function("decide, 16 candidates", |bencher| bencher.iter(once));
}

criterion_group!(benches, bench);
criterion_main!(benches);
