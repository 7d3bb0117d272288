//! What every service process needs around its own work: configuration, telemetry, start and stop.

pub mod config;
pub mod service;
pub mod telemetry;

/// Asks everything in a process to stop. Cancelled by SIGTERM and SIGINT.
pub use tokio_util::sync::CancellationToken as Shutdown;
