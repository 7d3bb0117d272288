//! Every message, subject, stream, query, resource and id of Neptune.
//!
//! Nothing here does I/O. A message is declared once, as a type that implements [`Message`], and
//! listed once, in [`catalogue::CATALOGUE`]; what is told and not stored, in [`signal::SIGNALS`]. From these lists follow the typed bus, the JSON
//! Schemas under `schemas/`, the streams and consumers on the broker, and the permissions of each
//! service's broker user.

pub mod address;
pub mod admission;
pub mod approval;
pub mod attempt;
pub mod batch;
pub mod catalogue;
pub mod chat;
pub mod dead;
pub mod delivery;
pub mod embedding;
pub mod event;
pub mod feedback;
pub mod fingerprint;
pub mod finished;
pub mod headers;
pub mod html;
pub mod ids;
pub mod json;
pub mod limits;
pub mod money;
pub mod names;
pub mod output;
pub mod parked;
pub mod plan;
pub mod problem;
pub mod query;
pub mod render;
pub mod resource;
pub mod run;
pub mod shadow;
pub mod signal;
pub mod subject;
pub mod task;
pub mod timestamp;
pub mod topology;
pub mod unknown;

pub use catalogue::Message;
pub use money::PicoUsd;
pub use timestamp::Timestamp;
