//! The whole system as processes, for end-to-end tests, fault injection and load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test support")]

pub mod bench;
pub mod bench_routing;
pub mod keys;
pub mod kills;
pub mod ledger;
pub mod resources;
pub mod sinks;
pub mod stack;
pub mod tools;
