//! Metering against a real broker and a real Postgres.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod facts;
mod support;

mod feedback;
mod ingest;
mod outage;
mod queries;
mod routing;
mod runs;
mod schema;
mod shadow;
