//! Governance: its decisions as tables, its budgets against a real Redis, and the whole service
//! against a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod samples;
mod world;

mod admit;
mod budget;
mod deliver;
mod laws;
mod outage;
mod service;
mod settle;
