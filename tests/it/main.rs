//! The whole system, end to end, with every service as a process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod batches;
mod broker_version;
mod bus_client;
mod cache;
mod clients;
mod deployment;
mod embeddings;
mod failover;
mod faults;
mod happy;
mod judge;
mod kills;
mod outage_of_a_model;
mod outages;
mod parking;
mod poison;
mod providers;
mod rejection;
mod replay;
mod responses;
mod run_class;
mod run_kills;
mod runs;
mod runs_admitted;
mod samples;
mod shadow;
mod strategies;
mod stream_kills;
mod streams;
mod support;
mod traces;
