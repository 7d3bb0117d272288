//! The trainer on small samples, and the shipped weights on the shared data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod corpus;
mod priors;
mod prompts;
mod quality;
mod training;
