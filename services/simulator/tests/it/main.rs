//! The simulator and the sink over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod account;
mod completions;
mod faults;
mod formats;
mod program;
mod replay;
mod server;
mod sink;
