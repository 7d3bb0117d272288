//! The router: chooses.
//!
//! **In:** `task.admitted` in two lanes with a concurrency each; `task.finished`, `attempt.failed`
//! and `feedback.given`, to learn from.
//! **Out:** `task.routed` with a plan and the reason for it; `task.parked` for a task that no model
//! has room for now and that may wait; `task.finished` for one that no model can do, or that an
//! answer in the cache will do for; `task.submitted` of the origin `shadow`,
//! copies of tasks for models that a route compares (off the path of the task, lost in a crash) and
//! judgements of a sample of answers; `feedback.given` with what the judges said.
//! **Owns:** in Redis, routing statistics (success, latency and length of answers, circuits, and how
//! good answers were), words of tasks and what they taught, the models of sessions, the cache's index of
//! who asked what, and the questions of the sample that is judged, until the tasks have ended and for an
//! hour at most.
//!
//! **On the request's path** there is no Redis: decisions are made from a snapshot that is read
//! every quarter of a second, and from circuits that each replica opens by itself as soon as it
//! hears of a failure. While Redis is away the last snapshot serves, then the priors of the model
//! resources; every explanation says how old its statistics were.
//!
//! A Redis that lost its data is filled again from the facts ([`rebuild`]); meanwhile each replica goes by
//! what it last read, and a new one by the priors, and every explanation says so. No fact has the words of its
//! task: what was learnt with them is put back by a replica that remembers it ([`words`]).
//!
//! Only a task that asks for the cache, or whose route does, waits for Redis: twice 50 ms at most,
//! after which it is routed like any other.
//!
//! **If it dies** before the plan is published, the accept is handed out again and governance
//! admits the task again. After: the executor has it. Statistics are taken in at least once and
//! count once per attempt.

pub mod board;
pub mod cache;
pub mod config;
pub mod domain;
pub mod embedder;
pub mod handlers;
pub mod judge;
pub mod read;
pub mod rebuild;
pub mod sessions;
pub mod shadow;
pub mod statistics;
pub mod tempo;
pub mod words;

use board::Board;
use cache::Cache;
use config::Config;
use embedder::Embedder;
use handlers::{
    attempt_failed, feedback_given,
    task_admitted::{self, TaskAdmittedHandler},
    task_finished,
};
use judge::{Judges, Questions};
use neptune_bus::{BatchLimits, Bus, BusError, ConnectError, ConsumeError, Parts};
use neptune_contracts::{
    attempt::AttemptFailed,
    names::Service,
    topology::{ROUTER_BATCH, ROUTER_FAILED, ROUTER_FEEDBACK, ROUTER_FINISHED, ROUTER_REALTIME},
};
use neptune_runtime::Shutdown;
use read::read_statistics;
use rebuild::keep_whole;
use sessions::exchange_sessions;
use shadow::Shadows;
use statistics::Store;
use std::{sync::Arc, time::Duration};
use tempo::exchange_tempos;
use words::{Wordings, learn_words};

/// Finished tasks learnt from at a time; a script this long holds Redis up for about 2 ms.
const LEARN_BATCH: BatchLimits = BatchLimits { max_messages: 64, linger: Duration::from_millis(20) };
/// Failed attempts learnt from at a time.
const FAILED_CONCURRENCY: usize = 64;
/// Feedback learnt from at a time.
const FEEDBACK_CONCURRENCY: usize = 16;

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
    /// The HTTP client for vectors cannot be made.
    #[error("cannot make the HTTP client for embeddings")]
    Http(#[from] reqwest::Error),
    /// A part of the process crashed.
    #[error("a part of the process crashed")]
    Crashed(#[from] tokio::task::JoinError),
}

/// Routes until `shutdown`.
///
/// # Errors
/// The bus refuses the connection or closes it for good, or the address of Redis is malformed.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let connecting = shutdown.run_until_cancelled(Bus::connect(&config.bus, Service::Router));
    let Some(bus) = connecting.await.transpose()? else { return Ok(()) };
    let store = Arc::new(Store::open(&config.redis_url, bus.namespace().as_str(), config.redis_timeout)?);
    let board = Arc::new(Board::default());
    let Ok(resources) = bus.resources(&shutdown).await else { return Ok(()) };
    let embedder = config.embeddings.map(Embedder::new).transpose()?;
    let cache = Cache::new(store.connection(), bus.namespace().as_str(), embedder);
    let park_at_most_ms = config.park_at_most_ms;
    let (shadows, copying) = Shadows::new(bus.clone(), store.clone());
    let (wordings, keeping) = Wordings::new(store.clone());
    let (questions, remembering) = Questions::new(store.clone());
    let judges = Judges { bus: bus.clone(), store: store.clone(), resources: resources.clone() };
    let (bus_of_tasks, board_of_tasks) = (bus.clone(), board.clone());
    let handler = Arc::new(TaskAdmittedHandler {
        bus: bus_of_tasks,
        resources,
        board: board_of_tasks,
        cache,
        park_at_most_ms,
        shadows,
        wordings,
        questions,
    });
    let mut parts = Parts::<Error>::new(&bus, &shutdown);
    parts.spawn_infallible(copying);
    parts.spawn_infallible(keeping);
    parts.spawn_infallible(remembering);
    parts.consume(&ROUTER_REALTIME, config.concurrency, &handler, task_admitted::handle);
    parts.consume(&ROUTER_BATCH, config.batch_concurrency, &handler, task_admitted::handle);
    learn(&mut parts, judges, (&board, &store));
    parts.spawn_infallible(keep_whole(bus.clone(), store.clone()));
    parts.spawn_infallible(share_tempos(board.clone(), store.clone()));
    parts.spawn_infallible(share_sessions(board.clone(), store.clone()));
    parts.spawn_infallible(learn_words(board.clone(), store.clone()));
    parts.spawn_infallible(read_statistics(board, store));
    parts.run(env!("CARGO_PKG_VERSION")).await
}

fn learn(parts: &mut Parts<Error>, judges: Judges, (board, store): (&Arc<Board>, &Arc<Store>)) {
    let bus = judges.bus.clone();
    let finished =
        async |(board, judges): (Arc<Board>, Judges), batch| task_finished::handle(&board, &judges, batch).await;
    parts.consume_batches(&ROUTER_FINISHED, LEARN_BATCH, &(board.clone(), judges), finished);
    parts.consume(&ROUTER_FAILED, FAILED_CONCURRENCY, store, attempt_failed::handle);
    let feedback = async |(bus, store): (Bus, Arc<Store>), given| feedback_given::handle(bus, store, given).await;
    parts.consume(&ROUTER_FEEDBACK, FEEDBACK_CONCURRENCY, &(bus.clone(), store.clone()), feedback);
    let board = board.clone();
    parts.spawn(async move {
        let failures = bus.listen::<AttemptFailed>().await?;
        attempt_failed::notice_all(&board, failures).await;
        Ok(())
    });
}

async fn share_tempos(board: Arc<Board>, store: Arc<Store>) {
    exchange_tempos(&board.tempos, &store).await;
}

async fn share_sessions(board: Arc<Board>, store: Arc<Store>) {
    exchange_sessions(&board.sessions, &store).await;
}
