//! The executor against a real broker and real HTTP servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod gate;
mod upstream;
mod workflows;
mod world;

mod attempts;
mod deliveries;
mod ensembles;
mod formats;
mod fuzz;
mod golden;
mod golden_streams;
mod hedges;
mod kills;
mod limits;
mod output;
mod provider;
mod run_events;
mod run_kills;
mod run_views;
mod runs;
mod streams;
mod watch;
