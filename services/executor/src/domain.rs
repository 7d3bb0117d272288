//! What the executor decides, without any I/O.

pub mod answer;
pub mod bindings;
pub mod classify;
pub mod failure;
pub mod finish;
pub mod lanes;
pub mod pace;
pub mod price;
pub mod prompt;
pub mod record;
pub mod retry_after;
pub mod step;
pub mod wire;

#[cfg(test)]
pub(crate) mod samples;
