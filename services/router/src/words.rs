//! Keeps the words of tasks until their answers are judged, off the path of the tasks, and reads what was
//! learnt from them.

use crate::{board::Board, domain::words::Wording, statistics::Store};
use neptune_contracts::{
    admission::{Admission, Task},
    ids::TaskId,
    names::DataClass,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::MissedTickBehavior};

/// Wordings that wait to be kept; more are left out, because tasks go first.
const WAITING: usize = 256;
/// So many are kept in each [`WINDOW`], which bounds what they take in Redis to some 40 MiB a replica.
const MOST_IN_WINDOW: usize = 512;
const WINDOW: Duration = Duration::from_secs(60);
/// Between two reads: words change slowly.
const READ_EVERY: Duration = Duration::from_secs(2);

/// Where wordings are handed in.
#[derive(Clone, Debug)]
pub struct Wordings {
    waiting: mpsc::Sender<(TaskId, Wording)>,
}

impl Wordings {
    /// The place, and the work behind it, which ends when the place is gone.
    pub fn new(store: Arc<Store>) -> (Self, impl Future<Output = ()> + Send) {
        let (waiting, mut queue) = mpsc::channel::<(TaskId, Wording)>(WAITING);
        let work = async move {
            let (mut begun, mut count) = (Instant::now(), 0);
            while let Some((task, wording)) = queue.recv().await {
                if begun.elapsed() >= WINDOW {
                    (begun, count) = (Instant::now(), 0);
                }
                count += 1;
                if count > MOST_IN_WINDOW {
                    continue;
                }
                if let Err(error) = store.keep_wording(task, &wording).await {
                    tracing::debug!(%error, task.id = %task, "its words teach nothing, because they cannot be kept");
                }
            }
        };
        (Self { waiting }, work)
    }

    /// Hands in what a routed task was asked with; nothing is kept of confidential data, or where
    /// something sensitive was found.
    pub fn hand_in(&self, task: &Task, admission: &Admission) {
        let is_sensitive = admission.class >= DataClass::Confidential || !admission.findings.is_empty();
        if is_sensitive || task.input.embedding.is_some() || self.waiting.capacity() == 0 {
            return;
        }
        // Full is as good as left out.
        self.waiting.try_send((task.id, Wording::of(&task.input))).ok();
    }
}

/// Reads what words say every few seconds, for as long as the router runs.
pub async fn read_words(board: Arc<Board>, store: Arc<Store>) {
    let mut ticks = tokio::time::interval(READ_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match store.read_words().await {
            Ok(words) => board.replace_words(words),
            Err(error) => tracing::debug!(%error, "cannot read what words say; what was last read serves"),
        }
    }
}
