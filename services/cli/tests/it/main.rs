//! The command against real processes and a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod bus;
mod eval;
mod eval_task_type;
mod event;
mod report;
mod supervisor;
mod workflow;
