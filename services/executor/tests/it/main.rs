//! The executor against a real broker and real HTTP servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod gate;
mod provider_batches;
mod upstream;
mod words;
mod workflows;
mod world;

mod attempts;
mod batch_kills;
mod batches;
mod broker_kills;
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
mod places;
mod provider;
mod redaction;
mod repeats;
mod run_class;
mod run_crashes;
mod run_events;
mod run_kills;
mod run_order;
mod run_poison;
mod run_timers;
mod run_views;
mod runs;
mod schedules;
mod streams;
mod watch;
