//! Governance: allows.
//!
//! **In:** `task.submitted` (admit or reject), `task.finished` (settle the hold),
//! `delivery.requested` (admit or reject).
//! **Out:** `task.admitted`, signed; `task.finished` for what is rejected; `delivery.admitted`;
//! `delivery.finished` for deliveries that are rejected.
//! **Answers:** how a team's budgets stand.
//! **Owns:** holds and spend in Redis.
//!
//! **If it dies** before a task is admitted: the accept is handed out again and the same hold is
//! found. After: the router has the task. A hold whose task is never settled expires and frees its
//! money; when the task is settled later after all, its cost is still counted.
//!
//! Teams without a budget never touch Redis while a task waits. While Redis is away, each budget
//! says whether its tasks are refused or go on uncounted until they are settled.

pub mod budget;
pub mod config;
pub mod domain;
pub mod handlers;
pub mod signing;

use arc_swap::ArcSwap;
use budget::Budgets;
use config::Config;
use domain::policy::Policy;
use handlers::{budget_query, delivery_requested, task_finished, task_submitted};
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError};
use neptune_contracts::{
    Timestamp,
    names::Service,
    query::BudgetQuery,
    resource::Resources,
    topology::{GOVERNANCE_DELIVERY, GOVERNANCE_FINISHED, GOVERNANCE_SUBMITTED},
};
use neptune_runtime::Shutdown;
use signing::Signer;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// Between two looks for expired holds.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Finished tasks settled at a time.
const SETTLE_CONCURRENCY: usize = 128;
/// Deliveries admitted at a time.
const DELIVERY_CONCURRENCY: usize = 64;

/// Why governance ended before it was asked to.
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
    /// The address of Redis cannot be used.
    #[error("the address of Redis cannot be used")]
    Redis(#[from] redis::RedisError),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] tokio::task::JoinError),
}

/// What every handler works with.
pub struct Office {
    /// The bus.
    pub bus: Bus,
    /// What is allowed by the resources in force.
    pub policy: ArcSwap<Policy>,
    /// Holds and spend.
    pub budgets: Budgets,
    /// Signs admissions.
    pub signer: Signer,
}

/// Governs until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let connecting = Bus::connect(&config.bus, Service::Governance);
    let Some(bus) = shutdown.run_until_cancelled(connecting).await.transpose()? else { return Ok(()) };
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let budgets = Budgets::open(config.redis, bus.namespace().as_str(), config.redis_timeout)?;
    let policy = ArcSwap::from_pointee(Policy::of(resources.borrow().clone()));
    let office = Arc::new(Office { bus: bus.clone(), policy, budgets, signer: config.signer });
    let mut parts: JoinSet<Result<(), Error>> = JoinSet::new();
    let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), office.clone());
    parts.spawn(async move {
        let handle = move |incoming| task_submitted::handle(at.clone(), incoming);
        Ok(on_bus.consume(&GOVERNANCE_SUBMITTED, config.concurrency, &stop, handle).await?)
    });
    let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), office.clone());
    parts.spawn(async move {
        let handle = move |incoming| task_finished::handle(at.clone(), incoming);
        Ok(on_bus.consume(&GOVERNANCE_FINISHED, SETTLE_CONCURRENCY, &stop, handle).await?)
    });
    let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), office.clone());
    parts.spawn(async move {
        let handle = move |incoming| delivery_requested::handle(at.clone(), incoming);
        Ok(on_bus.consume(&GOVERNANCE_DELIVERY, DELIVERY_CONCURRENCY, &stop, handle).await?)
    });
    let (on_bus, stop, at) = (bus.clone(), shutdown.clone(), office.clone());
    parts.spawn(async move {
        Ok(on_bus.serve::<BudgetQuery, _, _>(&stop, move |query| budget_query::handle(at.clone(), query)).await?)
    });
    let (on_bus, stop) = (bus.clone(), shutdown.clone());
    parts.spawn(async move { Ok(on_bus.announce(env!("CARGO_PKG_VERSION"), &stop).await?) });
    parts.spawn(follow(office.clone(), resources, shutdown.clone()));
    parts.spawn(sweep(office, shutdown));
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    bus.close().await;
    Ok(())
}

/// Keeps the policy in step with the resources.
async fn follow(
    office: Arc<Office>,
    mut resources: watch::Receiver<Arc<Resources>>,
    shutdown: Shutdown,
) -> Result<(), Error> {
    // The first look also takes in what changed since the policy was made.
    resources.mark_changed();
    while let Some(Ok(())) = shutdown.run_until_cancelled(resources.changed()).await {
        let current = resources.borrow_and_update().clone();
        office.policy.store(Arc::new(Policy::of(current)));
    }
    Ok(())
}

async fn sweep(office: Arc<Office>, shutdown: Shutdown) -> Result<(), Error> {
    while shutdown.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
        match office.budgets.sweep(Timestamp::now()).await {
            Ok(0) => {}
            Ok(expired) => tracing::warn!(expired, "holds expired without being settled"),
            Err(error) => tracing::debug!(%error, "cannot look for expired holds"),
        }
    }
    Ok(())
}
