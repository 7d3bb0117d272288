//! What the notifier decides, without any I/O.

pub mod content;
pub mod forbidden;
pub mod retry;
pub mod signature;
pub mod text;
