//! Governance: allows.
//!
//! **In:** `task.submitted` and `task.resumed` (admit or reject), `task.finished` (settle the hold),
//! `delivery.requested` (admit or reject).
//! **Out:** `task.admitted`, signed; `task.finished` for what is rejected; `delivery.admitted`;
//! `delivery.finished` for deliveries that are rejected.
//! **Answers:** how a team's budgets stand; a value without its sensitive data, and what that was.
//! **Asks:** metering, what was spent, for budgets that Redis does not know.
//! **Owns:** holds and spend in Redis.
//!
//! **If it dies** before a task is admitted: the accept is handed out again and the same hold is
//! found. After: the router has the task. A hold whose task is never settled expires and frees its
//! money; when the task is settled later after all, its cost is still counted.
//!
//! Teams without a budget never touch Redis while a task waits. While Redis is away, each budget
//! says whether its tasks are refused or go on uncounted until they are settled.
//!
//! **If Redis loses its data** (a flush, a start with an empty disk), no budget in it knows any more
//! what was spent, and none is held against a count that starts at nothing: the script that reserves
//! looks for the budget's mark in the same call. [`rebuild`] sees the missing mark within half a
//! second, asks metering what the ledger has for this period, and sets sum and mark at once. Until
//! then it is as if Redis were away; a task waits up to a second for it. A budget that is new is
//! filled in the same way, and so is the next period of each, ahead of time. What is settled
//! meanwhile, or again because its mark was lost, is told apart from what the ledger's sum has by the
//! sequence of its fact. Open holds are lost: what they held for is counted when it is settled.

pub mod budget;
pub mod config;
pub mod domain;
pub mod handlers;
pub mod rebuild;
pub mod signing;

use arc_swap::ArcSwap;
use budget::Budgets;
use config::Config;
use domain::policy::Policy;
use handlers::{budget_query, delivery_requested, redact_query, task_finished, task_resumed, task_submitted};
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError, Parts};
use neptune_contracts::{
    Timestamp,
    names::Service,
    query::{BudgetQuery, redact::RedactQuery},
    resource::Resources,
    topology::{GOVERNANCE_DELIVERY, GOVERNANCE_FINISHED, GOVERNANCE_RESUMED, GOVERNANCE_SUBMITTED},
};
use neptune_runtime::Shutdown;
use rebuild::{Rebuild, keep_complete};
use signing::Signer;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

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
    /// Fills budgets that Redis does not know.
    pub rebuild: Rebuild,
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
    let rebuild = Rebuild::default();
    let office = Arc::new(Office { bus: bus.clone(), policy, budgets, rebuild, signer: config.signer });
    let mut parts = Parts::<Error>::new(&bus, &shutdown);
    parts.consume(&GOVERNANCE_SUBMITTED, config.concurrency, &office, task_submitted::handle);
    parts.consume(&GOVERNANCE_RESUMED, config.concurrency, &office, task_resumed::handle);
    parts.consume(&GOVERNANCE_FINISHED, SETTLE_CONCURRENCY, &office, task_finished::handle);
    parts.consume(&GOVERNANCE_DELIVERY, DELIVERY_CONCURRENCY, &office, delivery_requested::handle);
    parts.serve::<BudgetQuery, _, _, _>(&office, budget_query::handle);
    parts.serve::<RedactQuery, _, _, _>(&office, redact_query::handle);
    parts.spawn_infallible(follow(office.clone(), resources));
    parts.spawn_infallible(keep_complete(office.clone()));
    parts.spawn_infallible(sweep(office));
    parts.run(env!("CARGO_PKG_VERSION")).await
}

/// Keeps the policy in step with the resources.
async fn follow(office: Arc<Office>, mut resources: watch::Receiver<Arc<Resources>>) {
    // The first look also takes in what changed since the policy was made.
    resources.mark_changed();
    while resources.changed().await.is_ok() {
        let current = resources.borrow_and_update().clone();
        office.policy.store(Arc::new(Policy::of(current)));
        // A budget may be new.
        office.rebuild.wake();
    }
}

async fn sweep(office: Arc<Office>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        match office.budgets.sweep(Timestamp::now()).await {
            Ok(0) => {}
            Ok(expired) => tracing::warn!(expired, "holds expired without being settled"),
            Err(error) => tracing::debug!(%error, "cannot look for expired holds"),
        }
    }
}
