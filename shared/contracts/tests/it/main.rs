//! The catalogue against its documents, samples and laws.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod documents;
mod golden;
mod laws;
mod validation;
