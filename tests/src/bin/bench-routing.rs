//! `make bench-routing`: what the router decides on labelled tasks, beside the numbers to reach.
#![allow(clippy::print_stdout)]

use neptune_tests::bench_routing::{measure, report, tasks};

fn main() {
    if tasks::folder().is_none() {
        println!(
            "skipped: no routing data; NEPTUNE_SHARED names the folder that has data/routing (../shared if not set)"
        );
        return;
    }
    report::print(&measure());
}
