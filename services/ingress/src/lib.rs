//! The ingress: lets in.
//!
//! **In:** HTTP. **Out:** `task.submitted`, and the finished fact as an HTTP answer.
//! **Owns:** nothing. It decides nothing either: a body becomes a message, a fact becomes an answer.
//!
//! A task is accepted when the broker has stored it; only then is anything answered. A caller that
//! waits is answered from the ingress's own inbox on the bus; when the answer is missed, because
//! the process died or the wait was over, the stored fact answers `GET /v1/tasks/{id}`.

pub mod config;
pub mod domain;
pub mod problem;
pub mod routes;

use config::Config;
use domain::keys::Keys;
use neptune_bus::{Bus, BusError, ConnectError, Replies};
use neptune_contracts::{names::Service, resource::Resources};
use neptune_runtime::Shutdown;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};

/// Time that open requests get to finish after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(25);

/// Why the ingress ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the bus.
    #[error("cannot connect to the bus")]
    Connect(#[from] ConnectError),
    /// The bus failed.
    #[error("the bus failed")]
    Bus(#[from] BusError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (NEPTUNE_INGRESS_LISTEN)")]
    Listen {
        /// The address.
        address: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("serving failed")]
    Serve(#[from] std::io::Error),
}

/// What every route works with.
#[derive(Clone)]
pub struct Door {
    /// The bus.
    pub bus: Bus,
    /// Where finished facts arrive.
    pub replies: Replies,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Checks API keys.
    pub keys: Arc<Keys>,
    /// How long a completion waits.
    pub wait: Duration,
    /// Asks for a stop.
    pub shutdown: Shutdown,
}

/// Serves until `shutdown`.
///
/// # Errors
/// The address is taken, or the bus refuses the connection.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let listen = |source| Error::Listen { address: config.listen.clone(), source };
    let listener = TcpListener::bind(&config.listen).await.map_err(listen)?;
    let address = listener.local_addr()?;
    let bus = Bus::connect(&config.bus, Service::Ingress).await?;
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let replies = bus.replies().await?;
    let door = Door { bus: bus.clone(), replies, resources, keys: Arc::new(config.keys), wait: config.wait, shutdown: shutdown.clone() };
    if let Some(file) = &config.address_file {
        tokio::fs::write(file, address.to_string()).await?;
    }
    tracing::info!(%address, "listening");
    let (announced, stop) = (bus.clone(), shutdown.clone());
    let micro = tokio::spawn(async move { announced.announce(env!("CARGO_PKG_VERSION"), &stop).await });
    let stop = shutdown.clone();
    let serving = axum::serve(listener, routes::router(door)).with_graceful_shutdown(async move { stop.cancelled().await });
    let patience = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served?,
        () = patience => tracing::warn!("open requests did not finish in time"),
    }
    micro.abort();
    bus.close().await;
    Ok(())
}
