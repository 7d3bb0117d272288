//! The trainer on small samples, and the shipped weights on the shared data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod corpus;
mod prompts;
mod quality;
mod training;
