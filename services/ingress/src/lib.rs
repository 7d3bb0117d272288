//! The ingress: lets in.
//!
//! **In:** HTTP. **Out:** `task.submitted`, and the finished fact as an HTTP answer.
//! **Owns:** nothing. It decides nothing either: a body becomes a message, a fact becomes an answer. What a body must
//! be it does know: its form, and of a run the schema that the workflow's definition has for its input.
//!
//! A task is accepted when the broker has stored it; only then is anything answered. A caller that
//! waits is answered from the ingress's own inbox on the bus. When that answer is lost, the stored
//! fact answers instead, in the same request or on `GET /v1/tasks/{id}`.
//!
//! **If it dies** before the broker stored the task: the caller has no answer, and there is no task.
//! After it: the task goes on; with an `Idempotency-Key` the caller's next try finds it instead of
//! making a second one. **While the broker is away** `/healthz` answers, `/readyz` says no, and
//! submits wait about half a minute for it before they are refused with 503.

pub mod config;
pub mod definitions;
pub mod domain;
pub mod gate;
pub mod problem;
pub mod routes;

mod observe;
mod receive;
mod server;
mod submitting;

use config::Config;
use gate::{Door, Gate, Refused};
use neptune_bus::{Bus, BusError, ConnectError};
use neptune_contracts::names::Service;
use neptune_runtime::Shutdown;
use std::{net::SocketAddr, path::PathBuf};
use tokio::net::TcpListener;

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
    /// The address cannot be made known.
    #[error("cannot write {} (NEPTUNE_INGRESS_ADDRESS_FILE)", file.display())]
    AddressFile {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("serving failed")]
    Serve(#[from] std::io::Error),
}

/// Serves until `shutdown`, then lets open requests finish.
///
/// # Errors
/// The address is taken, or the bus refuses the connection.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let (listener, address) = listen(&config.listen).await?;
    let (gate, closing, drain) = (Gate::default(), Shutdown::new(), config.drain);
    let router = routes::router(gate.clone());
    let serving = async { Ok(server::serve(listener, router, &shutdown, &closing, drain).await?) };
    let opening = open(config, address, &gate, &shutdown, &closing);
    // Whichever fails first ends the other.
    let ((), bus) = tokio::try_join!(serving, opening)?;
    if let Some(bus) = bus {
        bus.close().await;
    }
    Ok(())
}

async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Reaches the bus, lets requests in, and keeps the service announced until `shutdown`. Nothing when
/// the stop came first.
async fn open(
    config: Config,
    address: SocketAddr,
    gate: &Gate,
    shutdown: &Shutdown,
    closing: &Shutdown,
) -> Result<Option<Bus>, Error> {
    let connecting = Bus::connect(&config.bus, Service::Ingress);
    let Some(bus) = shutdown.run_until_cancelled(connecting).await.transpose()? else { return Ok(None) };
    let Ok(resources) = bus.resources(shutdown).await else { return Ok(None) };
    let replies = bus.replies().await?;
    let (shutdown, closing) = (shutdown.clone(), closing.clone());
    let stop = shutdown.clone();
    let (keys, approvals, refused, wait) = (config.keys, config.approvals, Refused::default(), config.wait);
    let definitions = std::sync::Arc::default();
    gate.open(Door {
        bus: bus.clone(),
        replies,
        resources,
        definitions,
        keys,
        approvals,
        refused,
        wait,
        shutdown,
        closing,
    });
    if let Some(file) = config.address_file {
        let written = tokio::fs::write(&file, address.to_string()).await;
        written.map_err(|source| Error::AddressFile { file, source })?;
    }
    tracing::info!(%address, "listening");
    bus.announce(env!("CARGO_PKG_VERSION"), &stop).await?;
    Ok(Some(bus))
}
