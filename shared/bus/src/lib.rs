//! The bus: the only crate that knows the broker.
//!
//! Services publish and consume typed messages of `neptune-contracts`; subjects, headers, ack
//! tokens, retries and dead letters are settled here.
//!
//! **One durable accept, lazy storage in the middle, one durable result.** `task.submitted` is stored on
//! disk before anyone is told "accepted" and stays unacknowledged until its finished fact is
//! stored: its ack token travels with the task ([`Accept`]). The stages between are passed on without
//! waiting for the broker's word ([`Bus::hand_on`]). Whoever works on a task for long writes down a
//! lease and shows a sign of life on the token ([`Lease::hold`]). When everybody who knew of the task
//! has died, nobody does, and the broker hands it out again.
//!
//! **Guarantees.** Publishing: stored once per dedup key within the stream's window. Consuming: at
//! least once. Finishing: exactly once per task, because the broker refuses a second fact on the
//! same subject. A message that crashes its handler again and again, or that it rejects, ends up
//! whole in the `DEAD` stream.

pub mod batches;
pub mod cells;
pub mod collect;
pub mod config;
pub mod connection;
pub mod consume;
pub mod dead;
pub mod envelope;
pub mod events;
pub mod exhausted;
pub mod finish;
pub mod lease;
pub mod listen;
pub mod notes;
pub mod park;
pub mod parts;
pub mod payload;
pub mod progress;
pub mod publish;
pub mod query;
pub mod replay;
pub mod replies;
pub mod resources;
pub mod results;
pub mod runs;
pub mod settle;
pub mod setup;
pub mod signals;
pub mod starts;
pub mod underway;

mod acks;
mod pull;
mod trace;

pub use batches::BatchLimits;
pub use cells::Cell;
pub use collect::{Collected, Place};
pub use config::BusConfig;
pub use connection::{Bus, BusError, ConnectError};
pub use consume::{ConsumeError, Outcome};
pub use envelope::{Accept, Cause, Incoming, Meta};
pub use finish::Finish;
pub use lease::{Held, Lease};
pub use parts::Parts;
pub use progress::Progress;
pub use publish::{PublishError, Published};
pub use query::RequestError;
pub use replay::Stored;
pub use replies::{Replies, Waiting};
pub use runs::{Append, LogEntry};
pub use signals::{Chunk, Chunks, Passage};
