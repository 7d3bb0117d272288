//! Real servers for tests: private ones that a test may kill, and shared ones from `make test`.
//!
//! A missing server program fails the test with the remedy; nothing is skipped silently.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test support")]

pub mod builders;
pub mod nats;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod wait;

pub use nats::Nats;
pub use postgres::Postgres;
pub use redis::Redis;
pub use wait::wait_until;

use neptune_contracts::subject::Namespace;

/// A namespace that no other test uses.
#[must_use]
pub fn namespace() -> Namespace {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("t{}", &id[..12]).parse().unwrap()
}
