//! The language against its official material, and the expressions against attacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod attacks;
mod definitions;
mod expressions;
mod official;
mod reference;
mod runs;
