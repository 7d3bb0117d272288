//! The notifier: tells.
//!
//! **In:** `task.finished` (which deliveries does it ask for?), `delivery.admitted` per channel.
//! **Out:** `delivery.requested`, `delivery.attempted` per try, `delivery.finished`.
//! **Owns:** nothing. Retries are the broker's: a try that failed is handed out again after a pause.
//!
//! **If it dies** before a try: the delivery is handed out again. Between a try and its word to the
//! broker: it is sent again, under the same id (`webhook-id`, `Message-ID`), by which a recipient
//! recognises it. That window cannot be closed; every try is a fact of its own, so it can be seen.
//!
//! Nothing goes out that governance did not admit, and no channel delays another.

pub mod address;
pub mod config;
pub mod domain;
pub mod handlers;
pub mod mail;
pub mod webhook;

use config::{Config, Environment};
use handlers::{delivery_admitted, task_finished};
use mail::Mailers;
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError};
use neptune_contracts::{
    names::Service,
    resource::Resources,
    topology::{NOTIFIER_EMAIL, NOTIFIER_FINISHED, NOTIFIER_WEBHOOK},
};
use neptune_runtime::Shutdown;
use std::sync::Arc;
use tokio::{sync::watch, task::JoinSet};

/// Finished tasks looked at a time.
const REQUEST_CONCURRENCY: usize = 64;

/// Why the notifier ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the bus.
    #[error("cannot connect to the bus")]
    Connect(#[from] ConnectError),
    /// The bus failed.
    #[error("the bus failed")]
    Bus(#[from] BusError),
    /// Consuming ended.
    #[error("consuming ended")]
    Consume(#[from] ConsumeError),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] tokio::task::JoinError),
}

/// What every handler works with.
pub struct Post {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Where secrets of channels are looked up.
    pub environment: Environment,
    /// Connections to mail servers.
    pub mailers: Mailers,
}

/// Delivers until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let connecting = shutdown.run_until_cancelled(Bus::connect(&config.bus, Service::Notifier));
    let Some(bus) = connecting.await.transpose()? else { return Ok(()) };
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let post = Arc::new(Post { bus: bus.clone(), resources, environment: config.environment, mailers: Mailers::default() });
    let mut parts: JoinSet<Result<(), Error>> = JoinSet::new();
    let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), post.clone());
    parts.spawn(async move {
        let handle = move |incoming| task_finished::handle(at.clone(), incoming);
        Ok(on_bus.consume(&NOTIFIER_FINISHED, REQUEST_CONCURRENCY, &stop, handle).await?)
    });
    for spec in [&NOTIFIER_WEBHOOK, &NOTIFIER_EMAIL] {
        let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), post.clone());
        parts.spawn(async move {
            let handle = move |incoming| delivery_admitted::handle(at.clone(), incoming);
            Ok(on_bus.consume(spec, config.concurrency, &stop, handle).await?)
        });
    }
    let (announced, stop) = (bus.clone(), shutdown.clone());
    parts.spawn(async move { Ok(announced.announce(env!("CARGO_PKG_VERSION"), &stop).await?) });
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    bus.close().await;
    Ok(())
}
