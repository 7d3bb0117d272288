//! The bus against a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

mod accept;
mod collect;
mod dead_letters;
mod events;
mod gather;
mod large_bodies;
mod outage;
mod park;
mod permissions;
mod queries;
mod resources;
mod runs;
mod setup;
mod starts;
mod underway;
