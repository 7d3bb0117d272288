//! Governance: its decisions as tables, its budgets against a real Redis, and the whole service
//! against a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod metering;
mod samples;
mod world;

mod admit;
mod budget;
mod deliver;
mod laws;
mod outage;
mod pace;
mod rebuild;
mod service;
mod settle;
