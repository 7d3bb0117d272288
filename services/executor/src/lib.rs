//! The executor: calls models, and drives runs of workflows ([`runs`]).
//!
//! **In:** `task.routed` for the zones it serves, in two lanes with a concurrency each;
//! `task.cancel` signals; `batch.due`. For runs: `run.submitted`, `run.input`, `run.fired`, `run.call`, `event`, the
//! finished facts of their tasks and deliveries, and the queries for one and for workflows.
//! **Out:** the pieces of streamed answers as signals; `attempt.failed` at once for each failed call; `task.finished` once per task;
//! `task.routed` again when the next attempt of a plan belongs to a zone it does not serve;
//! `task.parked` when every model that was called is at its rate limit, or failed in a way that passes, and the task
//! may wait: after a rest it is routed anew, up to six failed calls in all.
//! For tasks that wait for a batch: their items, the states of their batches, and timers ([`batches`]).
//! For runs: their logs, timers, calls, answers and ends; `task.submitted`, `delivery.requested`,
//! `feedback.given` and `event` of their steps.
//! **Asks:** governance, for runs, what a value is without its sensitive data.
//! **Owns:** nothing that outlives it. On the bus it keeps leases, by which a task that was handed out twice
//! calls no model twice; notes of calls that were begun, for five minutes; and the books of models with
//! limits, in which all executors write down what they use.
//!
//! **If it dies** before a call: the accept is handed out again after its wait and another executor
//! makes the call. During a call, or after the answer and before the fact is stored: the same, and the
//! call is made again, which is the one window that cannot be closed. The note of the call closes it as
//! far as can be: where the provider takes an idempotency key the call is repeated under its id, so it is
//! answered as before and paid once; where not, the fact has the lost attempt (purpose `lost`) with an
//! estimated cost. Attempts that had ended are in the fact too. A streamed call whose pieces were passed on is not made
//! again: the task ends as `stream_interrupted`, what came of it estimated. After the fact is stored: the next delivery
//! finds the fact and only acknowledges.
//!
//! **Limits** of models (`limits` of a Model) are kept by all executors together, and what each endpoint
//! stands at a time is learnt by each ([`rooms`]). A model without room is passed over like one that
//! refuses for its rate limit; when none is left the task waits on a timer. Batch work uses what urgent
//! work leaves. What a dead executor held is free after seven seconds.
//!
//! Nothing is called that governance did not admit: signature, input, terms (constraints, output, who pays and who
//! gets the result), models, zones, expiry and cost are checked here again, so a forged or altered task or plan gets
//! nowhere.
//!
//! **Answers** are checked by the task's `output`: JSON that is only broken is repaired; a wrong
//! answer is told to its model once, then the next model of the plan is asked. When none is right the
//! task fails with `output_invalid`, and the last answer is kept.
//!
//! **Strategies** that call several models at once (hedge, ensemble) do so within one task and one
//! lease: whoever loses the lease cuts all calls. A hedge's loser is cut and recorded as `cancelled`,
//! its cost estimated; an ensemble's judge is an attempt like any other.
//!
//! **Cost** is what the provider counted, priced to the pico-dollar. Where it did not count (no
//! usage in an answer; a timeout, a cut connection or an unreadable answer, any of which may have
//! been billed) the attempt is marked `estimated`. A refused call costs nothing.

pub mod admission;
pub mod attempts;
pub mod batches;
pub mod cancels;
pub mod config;
pub mod domain;
pub mod handlers;
pub mod http;
pub mod outlet;
pub mod provider;
pub mod rooms;
pub mod runs;
pub mod used;
pub mod watch;

use attempts::Caller;
use batches::Batches;
use cancels::Cancels;
use config::Config;
use domain::lanes::{consumers, of_batches};
use futures::StreamExt as _;
use handlers::{
    batch_due, delivery_finished, event_published, run_call, run_fired, run_input, run_query, run_submitted,
    step_finished,
    task_routed::{self, TaskRoutedHandler},
    workflows_query,
};
use neptune_bus::{Bus, BusError, ConnectError, ConsumeError, Parts};
use neptune_contracts::{
    names::{Lane, Service},
    topology::{
        EXECUTOR_DELIVERY_FINISHED, EXECUTOR_EVENT, EXECUTOR_RUN_CALL, EXECUTOR_RUN_FINISHED, EXECUTOR_RUN_FIRED,
        EXECUTOR_RUN_INPUT, EXECUTOR_RUN_SUBMITTED,
    },
};
use neptune_runtime::Shutdown;
use provider::Provider;
use rooms::Rooms;
use runs::{Calling, Runs};
use std::sync::Arc;
use tokio::task::JoinSet;
use used::Used;
use watch::Watch;

/// Why the executor ended before it was asked to.
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
    /// The HTTP client cannot be made.
    #[error("cannot make the HTTP client")]
    Http(#[from] reqwest::Error),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] tokio::task::JoinError),
}

/// Calls models until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let http = http::Clients::new()?;
    let Some(bus) = shutdown.run_until_cancelled(Bus::connect(&config.bus, Service::Executor)).await else {
        return Ok(());
    };
    let bus = bus?;
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let calling = Calling { http: http.clone(), environment: config.environment.clone(), hosts: config.run_hosts };
    let provider = || Provider::new(http.clone(), config.environment.clone(), config.credential_hosts.clone());
    let batches = Arc::new(Batches::new(bus.clone(), resources.clone(), provider(), config.zones.clone()));
    let provider = provider();
    let rooms = Arc::new(Rooms::new(bus.clone()));
    let (watch, zones) = (Watch::default(), config.zones.clone());
    let workflows = resources.clone();
    let caller = Caller { bus: bus.clone(), resources, provider, zones, watch, rooms: rooms.clone() };
    let (governance_key, park_at_most_ms) = (config.governance_key, config.park_at_most_ms);
    let cancels = Cancels::default();
    let (word, for_batches) = (cancels.clone(), batches.clone());
    let used = Used::default();
    let handler = Arc::new(TaskRoutedHandler { caller, governance_key, cancels: word, used, batches, park_at_most_ms });
    let mut parts = Parts::<Error>::new(&bus, &shutdown);
    for (spec, lane) in consumers(&config.zones) {
        let concurrency = match lane {
            Lane::Realtime => config.realtime_concurrency,
            Lane::Batch => config.batch_concurrency,
        };
        parts.consume(spec, concurrency, &handler, task_routed::handle);
    }
    let batches = for_batches;
    for spec in of_batches(&config.zones) {
        parts.consume(spec, LOOKS, &batches, batch_due::handle);
    }
    if config.runs {
        drive(&mut parts, &Runs::new(bus.clone(), workflows, calling, cancels.clone()));
    }
    parts.spawn(async move {
        let mut cancelled = bus.cancelled().await?;
        while let Some((team, task)) = cancelled.next().await {
            cancels.cancel(team.clone(), task);
            batches::cancel::hear(&batches, team, task);
        }
        Ok(())
    });
    // Until the last call has ended, which is after the stop; dropping it ends it.
    let mut beats = JoinSet::new();
    beats.spawn(async move { rooms.beat().await });
    parts.run(env!("CARGO_PKG_VERSION")).await
}

/// Collections for batches that are looked at at a time.
const LOOKS: usize = 8;
/// What comes to runs at a time.
const RUN_CONCURRENCY: usize = 1_024;
/// Events that schedules hear at a time.
const EVENT_CONCURRENCY: usize = 64;
/// Calls of runs at a time.
const CALL_CONCURRENCY: usize = 256;

/// Drives runs of workflows.
fn drive(parts: &mut Parts<Error>, runs: &Arc<Runs>) {
    parts.consume(&EXECUTOR_RUN_SUBMITTED, RUN_CONCURRENCY, runs, run_submitted::handle);
    parts.consume_expecting(&EXECUTOR_RUN_INPUT, RUN_CONCURRENCY, runs, (run_input::expect, run_input::handle));
    parts.consume(&EXECUTOR_RUN_FIRED, RUN_CONCURRENCY, runs, run_fired::handle);
    parts.consume(&EXECUTOR_RUN_FINISHED, RUN_CONCURRENCY, runs, step_finished::handle);
    parts.consume(&EXECUTOR_DELIVERY_FINISHED, RUN_CONCURRENCY, runs, delivery_finished::handle);
    parts.consume_expecting(
        &EXECUTOR_EVENT,
        EVENT_CONCURRENCY,
        runs,
        (event_published::expect, event_published::handle),
    );
    parts.consume(&EXECUTOR_RUN_CALL, CALL_CONCURRENCY, runs, run_call::handle);
    parts.serve(runs, run_query::handle);
    parts.serve(runs, workflows_query::handle);
    let keeping = Arc::clone(runs);
    parts.spawn_infallible(async move { keeping.keep_time().await });
    let (looking, following) = (Arc::clone(runs), Arc::clone(runs));
    parts.spawn_infallible(async move { looking.look_at_gates().await });
    parts.spawn_infallible(async move { following.follow_starts().await });
    let clearing = Arc::clone(runs);
    parts.spawn_infallible(async move { clearing.clear_after_ends().await });
}
