//! `make bench`: load on the real processes, beside two floors measured in the same run.
//!
//! Without arguments it measures. `watch synced|default DEPTH SECONDS` loads Neptune alone, for a
//! profiler. `call SECONDS` measures what the executor adds around a call, `streams COUNT` holds so many streams at a
//! time, `runs COUNT` measures so many runs of workflows at once, `kills COUNT` kills services and the broker under so
//! many, `timers COUNT` has so many runs wait for the same moment, and `faults COUNT` runs so many tasks while three
//! calls of ten fail. `floor-proxy` and `floor-bus` are the floors, started by it as processes of their own so that
//! they pay for context switches as the services do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use neptune_tests::bench::{call, faults, floors, kills, report, run, runs, streams, timers};

#[tokio::main]
async fn main() {
    neptune_runtime::service::install_crypto_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["floor-proxy", listen, upstream] => floors::proxy(listen, upstream).await,
        ["floor-bus", listen, nats] => floors::bus(listen, nats).await,
        ["watch", setting @ ("synced" | "default"), depth, seconds] => {
            let config = if *setting == "synced" { run::SYNCED } else { "" };
            run::watch(config, depth.parse().unwrap(), seconds.parse().unwrap()).await;
        }
        ["kills", count] => kills::measure(count.parse().unwrap()).await,
        ["runs", count] => runs::measure(count.parse().unwrap()).await,
        ["timers", count] => timers::measure(count.parse().unwrap()).await,
        ["call", seconds] => call::measure(seconds.parse().unwrap()).await,
        ["faults", count] => faults::measure(count.parse().unwrap()).await,
        ["streams", count] => streams::measure(count.parse().unwrap()).await,
        _ => {
            let seconds = words.first().and_then(|seconds| seconds.parse().ok()).unwrap_or(4);
            report::print(&run::measure(seconds).await);
        }
    }
}
