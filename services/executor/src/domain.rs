//! What the executor decides, without any I/O.

pub mod answer;
pub mod classify;
pub mod combine;
pub mod failure;
pub mod finish;
pub mod lanes;
pub mod output;
pub mod pace;
pub mod price;
pub mod prompt;
pub mod record;
pub mod retry_after;
pub mod step;

#[cfg(test)]
pub(crate) mod samples;
