//! What is sent, whether it may be, and what follows from how it went; without I/O.

pub mod approval;
pub mod mail;
pub mod request;
pub mod retry;
pub mod signature;
pub mod verdict;
