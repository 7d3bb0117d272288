//! The notifier: brings results to people and systems.
//!
//! **In:** `task.finished` (what was asked to be delivered) and `delivery.admitted` for webhook and
//! e-mail. **Out:** `delivery.requested`, which governance admits or refuses; `delivery.attempted`
//! per try; `delivery.finished` at the end. What asks for an approval gets a signed link to the ingress, where whoever
//! reads it answers without a key ([`domain::approval`]). **Owns:** nothing that outlives it: which try is next is
//! the broker's count of how often it handed the delivery out.
//!
//! **Guarantee: at least once.** A delivery is acknowledged after its end was stored. If the
//! notifier dies between a send and that, the delivery is sent again: the receiver recognises it by
//! `webhook-id` or `Message-ID`, which are the delivery's id and the same in every try. The facts
//! show it too: tries are counted by the broker, so one that ended in a crash leaves a gap in the
//! numbers of `delivery.attempted`. An e-mail whose transfer broke off after its content was sent
//! may have arrived; such a doubtful try is repeated twice at most.
//!
//! **If it dies** before a send: the delivery is handed out again. While the broker is away: an end
//! that cannot be stored is kept and stored as soon as the broker is back, without sending again.

pub mod channel;
pub mod config;
pub mod domain;
pub mod handlers;

use channel::Channels;
use config::Config;
use handlers::{delivery_admitted::Deliverer, task_finished};
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError, Parts};
use neptune_contracts::{
    names::Service,
    topology::{NOTIFIER_EMAIL, NOTIFIER_FINISHED, NOTIFIER_WEBHOOK},
};
use neptune_runtime::Shutdown;
use std::sync::Arc;
use tokio::task::JoinError;

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
    /// The HTTP clients cannot be made.
    #[error("cannot make the HTTP clients")]
    Http(#[from] reqwest::Error),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] JoinError),
}

/// Delivers until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let bus = Bus::connect(&config.bus, Service::Notifier).await?;
    // Nothing but the shutdown ends this wait.
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let channels = Channels::new(resources, config.environment.clone(), config.links)?;
    let deliverer = Arc::new(Deliverer { bus: bus.clone(), channels, schedule: config.schedule });
    let mut parts = Parts::<Error>::new(&bus, &shutdown);
    for spec in [&NOTIFIER_WEBHOOK, &NOTIFIER_EMAIL] {
        parts.consume(spec, config.concurrency, &deliverer, Deliverer::handle);
    }
    parts.consume(&NOTIFIER_FINISHED, config.concurrency, &bus, task_finished::handle);
    parts.run(env!("CARGO_PKG_VERSION")).await
}
