//! The notifier against a real broker, a real HTTP server and a real SMTP server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod hook;
mod smtp;
mod support;

mod email;
mod requests;
mod webhook;
