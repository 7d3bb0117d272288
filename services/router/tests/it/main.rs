//! The router against a real broker and a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

mod circuits;
mod feedback;
mod judge;
mod learning;
mod limits;
mod outages;
mod rebuild;
mod replay;
mod routing;
mod sessions;
mod shadow;
mod signals;
mod statistics;
mod tempo;
mod words;
