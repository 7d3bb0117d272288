//! The ingress against a real broker. The rest of the system is played by one consumer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod approvals;
mod completions;
mod document;
mod doors;
mod events;
mod feedback;
mod fuzz;
mod lifecycle;
mod messages;
mod refusals;
mod repeats;
mod streams;
mod support;
mod tasks;
