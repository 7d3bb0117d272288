//! How long it takes to tell the kind of work of a prompt.
//!
//! Prints quantiles of single prompts, which criterion does not, and then criterion's report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use neptune_router::domain::task_type::recognise_text;
use std::{hint::black_box, time::Instant};

const ROUNDS: usize = 20;

fn prompts() -> Vec<(&'static str, Vec<String>)> {
    let request = "Please write a short reply to the customer and say that the lamps were sent again today.\n\n";
    let pasted = "The customer ordered three lamps (order 10245, 12 April) and got two of them; she is annoyed. ";
    let of_bytes = |bytes: usize| {
        let text = request.to_owned() + &pasted.repeat(bytes / pasted.len() + 1);
        text[..bytes.max(request.len())].to_owned()
    };
    let varied = |bytes: usize| (0..500).map(|number| format!("{number} {}", of_bytes(bytes))).collect();
    vec![
        ("90 bytes", varied(90)),
        ("600 bytes", varied(600)),
        ("2,400 bytes", varied(2_400)),
        ("1 MiB", vec![of_bytes(1 << 20)]),
    ]
}

fn bench(criterion: &mut Criterion) {
    for (name, prompts) in prompts() {
        let mut nanos: Vec<u128> = Vec::new();
        for prompt in (0..ROUNDS.max(2_000 / prompts.len())).flat_map(|_| &prompts) {
            let started = Instant::now();
            black_box(recognise_text(black_box(prompt)));
            nanos.push(started.elapsed().as_nanos());
        }
        nanos.sort_unstable();
        let micros = |per_mille: usize| nanos[(nanos.len() - 1) * per_mille / 1_000] as f64 / 1_000.0;
        println!("task type, {name}: p50 {:.1} µs, p99 {:.1} µs", micros(500), micros(990));
        let mut turn = prompts.iter().cycle();
        criterion.bench_function(&format!("task type, {name}"), |bencher| {
            bencher.iter(|| recognise_text(black_box(turn.next().unwrap())));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
