//! What the executor decides, without any I/O.

pub mod answer;
pub mod classify;
pub mod failure;
pub mod finish;
pub mod lanes;
pub mod outlook;
pub mod pace;
pub mod park;
pub mod price;
pub mod prompt;
pub mod rate_headers;
pub mod record;
pub mod retry_after;
pub mod step;

#[cfg(test)]
pub(crate) mod samples;
