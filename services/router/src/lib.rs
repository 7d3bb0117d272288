//! The router: chooses.
//!
//! **In:** `task.admitted` in two lanes; `task.finished` and `attempt.failed` to learn from.
//! **Out:** `task.routed` with a plan and its explanation; `task.finished` when no model is left.
//! **Owns:** statistics in Redis, shared by all replicas: success, latency, output length and
//! circuit state per model.
//!
//! A decision is a function of the task, the resources and a snapshot of the statistics in this
//! process, at most a quarter of a second old. No task waits for Redis: while Redis is away the last
//! snapshot serves, without one the priors, and the explanation says which.
//!
//! **If it dies** before a plan is stored: the accept is handed out again. A failed attempt is heard
//! by every replica at once (live copy), and counted once in Redis (durable consumer).

pub mod config;
pub mod domain;
pub mod handlers;
pub mod stats;

use arc_swap::ArcSwap;
use config::Config;
use domain::statistics::Statistics;
use futures::StreamExt as _;
use handlers::{attempt_failed, task_admitted, task_finished};
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError};
use neptune_contracts::{
    Timestamp,
    attempt::AttemptFailed,
    names::Service,
    resource::Resources,
    topology::{ConsumerSpec, ROUTER_BATCH, ROUTER_FAILED, ROUTER_FINISHED, ROUTER_REALTIME},
};
use neptune_runtime::Shutdown;
use stats::Store;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// Between two readings of the statistics.
const REFRESH_EVERY: Duration = Duration::from_millis(250);
/// Facts learnt from at a time.
const LEARN_CONCURRENCY: usize = 64;

/// Why the router ended before it was asked to.
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
    /// The address of Redis is malformed.
    #[error("NEPTUNE_ROUTER_REDIS_URL cannot be used")]
    Redis(#[from] redis::RedisError),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] tokio::task::JoinError),
}

/// What every handler works with.
pub struct Desk {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// The newest statistics.
    pub statistics: ArcSwap<Statistics>,
    /// Redis.
    pub store: Store,
}

/// Routes until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let bus = Bus::connect(&config.bus, Service::Router).await?;
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let store = Store::open(&config.redis_url, bus.namespace().as_str())?;
    let desk = Arc::new(Desk { bus: bus.clone(), resources, statistics: ArcSwap::default(), store });
    let mut parts: JoinSet<Result<(), Error>> = JoinSet::new();
    for spec in [&ROUTER_REALTIME, &ROUTER_BATCH] {
        parts.spawn(route(desk.clone(), spec, config.concurrency, shutdown.clone()));
    }
    let (at, stop) = (desk.clone(), shutdown.clone());
    parts.spawn(async move {
        let (on_bus, at) = (at.bus.clone(), at);
        Ok(on_bus.consume(&ROUTER_FINISHED, LEARN_CONCURRENCY, &stop, move |incoming| task_finished::handle(at.clone(), incoming)).await?)
    });
    let (at, stop) = (desk.clone(), shutdown.clone());
    parts.spawn(async move {
        let (on_bus, at) = (at.bus.clone(), at);
        Ok(on_bus.consume(&ROUTER_FAILED, LEARN_CONCURRENCY, &stop, move |incoming| attempt_failed::handle(at.clone(), incoming)).await?)
    });
    parts.spawn(hear_failures(desk.clone(), shutdown.clone()));
    parts.spawn(refresh(desk, shutdown.clone()));
    let (announced, stop) = (bus.clone(), shutdown.clone());
    parts.spawn(async move { Ok(announced.announce(env!("CARGO_PKG_VERSION"), &stop).await?) });
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    bus.close().await;
    Ok(())
}

async fn route(desk: Arc<Desk>, spec: &'static ConsumerSpec, concurrency: usize, shutdown: Shutdown) -> Result<(), Error> {
    let bus = desk.bus.clone();
    let handle = move |incoming| task_admitted::handle(desk.clone(), incoming);
    Ok(bus.consume(spec, concurrency, &shutdown, handle).await?)
}

/// Takes a failure into this process's snapshot as soon as it is published, before Redis has it.
async fn hear_failures(desk: Arc<Desk>, shutdown: Shutdown) -> Result<(), Error> {
    let mut failures = desk.bus.listen::<AttemptFailed>().await?;
    while let Some(Some(failure)) = shutdown.run_until_cancelled(failures.next()).await {
        let now = Timestamp::now();
        desk.statistics.rcu(|statistics| {
            let mut statistics = Statistics::clone(statistics);
            statistics.take_failure(&failure.attempt, now);
            statistics
        });
    }
    Ok(())
}

async fn refresh(desk: Arc<Desk>, shutdown: Shutdown) -> Result<(), Error> {
    let mut resources = desk.resources.clone();
    loop {
        let models: Vec<String> = resources.borrow_and_update().models.keys().cloned().collect();
        match desk.store.read(&models, Timestamp::now()).await {
            Ok(fresh) => {
                // A circuit that opened since Redis was read stays open.
                desk.statistics.rcu(|known| fresh.clone().keeping_circuits_of(known));
            }
            Err(error) => tracing::debug!(%error, "statistics cannot be read, the last ones serve"),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(REFRESH_EVERY)).await.is_none() {
            return Ok(());
        }
    }
}
