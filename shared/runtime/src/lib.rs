//! What every Neptune process needs before it can do its own work: configuration, telemetry and a graceful stop.
//!
//! A service's `main.rs` is one call of [`service::main`]. It answers `--help` from the same tables that
//! configuration is read from, refuses variables it does not know, starts logs and (when an endpoint is set) OTLP
//! traces and metrics, turns SIGTERM and SIGINT into a [`Shutdown`], and maps the result to an exit code.
//!
//! Nothing here knows the bus, and there is no HTTP health endpoint: services answer health over the bus.

pub mod config;
pub mod http;
pub mod service;
pub mod telemetry;

mod help;
mod signals;

/// Every process allocates with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cancelled once the process shall stop; cheap to clone and to wait on.
pub use tokio_util::sync::CancellationToken as Shutdown;
