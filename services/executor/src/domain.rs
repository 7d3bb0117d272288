//! What the executor decides, without any I/O.

pub mod answer;
pub mod assemble;
pub mod batch;
pub mod bindings;
pub mod classify;
pub mod combine;
pub mod concurrency;
pub mod embedding;
pub mod failure;
pub mod finish;
pub mod frames;
pub mod lanes;
pub mod note;
pub mod once_more;
pub mod outlook;
pub mod output;
pub mod pace;
pub mod park;
pub mod price;
pub mod prompt;
pub mod rate_headers;
pub mod record;
pub mod retry_after;
pub mod room;
pub mod run;
pub mod schedule;
pub mod sse;
pub mod step;
pub mod wire;

#[cfg(test)]
pub(crate) mod samples;
