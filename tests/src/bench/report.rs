//! The measurements as a table, and as JSON under `target/bench/`.
#![allow(clippy::print_stdout, reason = "this is what the bench is for")]

use super::run::{Report, Setting};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Prints the report and stores it as JSON.
pub fn print(report: &Report) {
    let settings: Vec<Value> = report.settings.iter().map(print_setting).collect();
    let folder = Path::new("target/bench");
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("load.json");
    fs::write(&file, serde_json::to_string_pretty(&json!({"settings": settings})).unwrap()).unwrap();
    println!("\nstored in {}", file.display());
}

fn print_setting(setting: &Setting) -> Value {
    println!("\n## {}\n", setting.name);
    println!("| path | in flight | p50 ms | p95 ms | p99 ms | per second | failures |\n|---|--:|--:|--:|--:|--:|--:|");
    let mut rows = Vec::new();
    for (path, samples) in &setting.paths {
        for (depth, sample) in samples {
            let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| millis(sample.quantile_us(share)));
            println!(
                "| {path} | {depth} | {p50:.2} | {p95:.2} | {p99:.2} | {:.0} | {} |",
                sample.per_second, sample.failures
            );
            rows.push(json!({"path": path, "in_flight": depth, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "per_second": sample.per_second, "failures": sample.failures}));
        }
    }
    let ratios = print_ratios(setting);
    println!("\nPer hop at one in flight, median of 100 tasks by the stages' own timestamps:\n");
    for (hop, us) in &setting.hops {
        println!("- {hop}: {us} us");
    }
    println!("\n| process | CPU us per task at 32 in flight | resident MiB idle | under load |\n|---|--:|--:|--:|");
    let mut processes = Vec::new();
    for (name, loaded) in &setting.loaded {
        let cpu = setting.cpu_per_task.get(name).copied().unwrap_or(0.0);
        let idle = setting.idle.get(name).map_or(0, |idle| idle.resident_kib) / 1024;
        println!("| {name} | {cpu:.0} | {idle} | {} |", loaded.resident_kib / 1024);
        processes.push(json!({"process": name, "cpu_us_per_task": cpu, "idle_mib": idle, "loaded_mib": loaded.resident_kib / 1024}));
    }
    let own: f64 = setting
        .cpu_per_task
        .iter()
        .filter(|(name, _)| !["nats-server", "simulator", "sink"].contains(&name.as_str()))
        .map(|(_, cpu)| cpu)
        .sum();
    println!("\nNeptune's own services together: {own:.0} us of CPU per task");
    json!({"setting": setting.name, "rows": rows, "ratios": ratios, "hops_us": setting.hops, "processes": processes, "own_cpu_us_per_task": own})
}

/// Neptune against the floors, depth by depth in the same run.
fn print_ratios(setting: &Setting) -> Vec<Value> {
    let find = |wanted: &str| setting.paths.iter().find(|(path, _)| *path == wanted).map(|(_, samples)| samples);
    let (Some(own), Some(proxy), Some(bus)) = (find("Neptune"), find("JSON proxy"), find("HTTP to JetStream to reply"))
    else {
        return Vec::new();
    };
    println!(
        "\n| in flight | p50 to JSON proxy | p50 to JetStream floor | rate to JSON proxy | rate to JetStream floor |\n|--:|--:|--:|--:|--:|"
    );
    let mut rows = Vec::new();
    for (((depth, own), (_, proxy)), (_, bus)) in own.iter().zip(proxy).zip(bus) {
        let p50 = |sample: &super::load::Sample| millis(sample.quantile_us(0.5)).max(0.001);
        let ratios = [
            p50(own) / p50(proxy),
            p50(own) / p50(bus),
            own.per_second / proxy.per_second,
            own.per_second / bus.per_second,
        ];
        println!("| {depth} | {:.1} | {:.1} | {:.3} | {:.3} |", ratios[0], ratios[1], ratios[2], ratios[3]);
        rows.push(json!({"in_flight": depth, "p50_to_proxy": ratios[0], "p50_to_jetstream": ratios[1], "rate_to_proxy": ratios[2], "rate_to_jetstream": ratios[3]}));
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
fn millis(us: u64) -> f64 {
    us as f64 / 1_000.0
}
