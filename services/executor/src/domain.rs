//! What the executor decides, without any I/O.

pub mod classify;
pub mod finish;
pub mod lanes;
pub mod pace;
pub mod price;
pub mod step;
