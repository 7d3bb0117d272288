//! What the router decides, without any I/O.

pub mod choose;
pub mod estimate;
pub mod filter;
pub mod policy;
pub mod recognise;
pub mod statistics;
