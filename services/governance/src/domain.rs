//! What governance decides, without any I/O.

pub mod admit;
pub mod budget;
pub mod ceiling;
pub mod deliver;
pub mod pace;
pub mod period;
pub mod policy;
pub mod rebuild;
pub mod redact;
pub mod settle;
