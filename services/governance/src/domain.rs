//! What governance decides, without any I/O.

pub mod admit;
pub mod ceiling;
pub mod deliver;
pub mod period;
