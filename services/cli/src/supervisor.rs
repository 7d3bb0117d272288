//! Runs the programs of a stack and keeps them running.
//!
//! One task a process: start it, wait for its end, wait a little longer each time, start it again.
//! A process that refuses its configuration (exit code 64) would refuse it again, so it stops the
//! whole stack. What runs is recorded in `run/state.json`, replaced as a whole on every change.
//!
//! **When the supervisor itself is killed**, its children go on. The next `up` or `down` finds them
//! in the record and ends them first: by process id, start time and program, so that nobody else's
//! process is ever touched.

pub mod board;
pub mod lock;
pub mod process;
pub mod stale;

pub use board::Board;
pub use lock::Lock;
pub use process::Launch;

use crate::error::Error;
use neptune_runtime::Shutdown;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// How long processes get to finish what they do.
pub const GRACE: Duration = Duration::from_secs(20);

/// Keeps all processes running until `shutdown`, then ends them all.
///
/// # Errors
/// A process refused its configuration; the others were ended.
pub async fn run(launches: Vec<Launch>, board: Arc<Board>, grace: Duration, shutdown: &Shutdown) -> Result<(), Error> {
    let mut tasks = JoinSet::new();
    for launch in launches {
        let (board, shutdown) = (board.clone(), shutdown.clone());
        tasks.spawn(async move { process::keep_running(&launch, &board, grace, &shutdown).await });
    }
    let mut first_fault = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|fault| Err(Error::step("supervise a process", fault)));
        if ended.is_err() {
            shutdown.cancel();
            first_fault = first_fault.and(ended);
        }
    }
    first_fault
}
