//! Keeps the words of tasks until their answers are judged, off the path of the tasks, and learns from what was
//! said about them.

use crate::{
    board::Board,
    domain::{
        residual::{LEAST_TEXTS, Wording},
        words::{HEARD_KEPT_MS, Heard, MOST_HEARD, Words},
    },
    statistics::Store,
};
use neptune_contracts::{
    Timestamp,
    admission::{Admission, Task},
    ids::TaskId,
    names::DataClass,
};
use redis::RedisError;
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinHandle, time::MissedTickBehavior};

/// Wordings that wait to be kept; more are left out, because tasks go first.
const WAITING: usize = 256;
/// So many are kept at once, and then so many more a minute, which bounds what they take in Redis for their
/// three hours to some 40 MiB a replica.
const MOST_AT_ONCE: f64 = 16_384.0;
const MORE_A_MINUTE: f64 = 512.0;
/// Between two looks for new judgements.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Learning takes a tenth of a core at most.
const PAUSE_FOR_LEARNING: u32 = 10;
/// It begins anew when so many judgements came, or a twentieth of those it was learnt from.
const LEAST_NEW: usize = 20;
const NEW_SHARE: usize = 20;

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
            let (mut left, mut seen) = (MOST_AT_ONCE, Instant::now());
            while let Some((task, wording)) = queue.recv().await {
                let minutes = seen.elapsed().as_secs_f64() / 60.0;
                (left, seen) = ((left + minutes * MORE_A_MINUTE).min(MOST_AT_ONCE), Instant::now());
                if left < 1.0 {
                    continue;
                }
                left -= 1.0;
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

/// What this replica heard, and how far it has learnt from it.
#[derive(Debug, Default)]
struct Memory {
    /// Oldest first.
    heard: VecDeque<Arc<Heard>>,
    /// How many judgements there ever were when Redis was last read.
    count: usize,
    /// How many came since it last learnt.
    fresh: usize,
}

/// Learns what words say from every new judgement, for as long as the router runs.
pub async fn learn_words(board: Arc<Board>, store: Arc<Store>) {
    let (mut memory, mut may_learn_at) = (Memory::default(), Instant::now());
    let mut learning: Option<(Instant, JoinHandle<Words>)> = None;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = memory.catch_up(&store).await {
            tracing::debug!(%error, "cannot read what was said about answers; what words said before serves");
        }
        if let Some((begun, done)) = learning.take_if(|(_, learning)| learning.is_finished()) {
            may_learn_at = Instant::now() + PAUSE_FOR_LEARNING * begun.elapsed();
            match done.await {
                Ok(words) => {
                    tracing::debug!(judgements = memory.heard.len(), used = words.are_used(), "learnt what words say");
                    board.replace_words(words);
                }
                Err(error) => tracing::error!(%error, "learning from words crashed; what words said before serves"),
            }
        }
        if learning.is_none() && Instant::now() >= may_learn_at && memory.is_worth_learning() {
            let heard = memory.take_material(Timestamp::now().unix_micros() / 1_000);
            // Off the threads that serve tasks: it takes up to seconds.
            let learnt = tokio::task::spawn_blocking(move || Words::learn(heard.iter().rev().map(AsRef::as_ref)));
            learning = Some((Instant::now(), learnt));
        }
    }
}

impl Memory {
    /// Reads what came since the last time. Where Redis has lost what this replica remembers, it is put back.
    async fn catch_up(&mut self, store: &Store) -> Result<(), RedisError> {
        let (count, kept) = store.count_heard().await?;
        let is_lost = count < self.count;
        let new = if is_lost { kept } else { count - self.count };
        if new > 0 {
            let read = store.read_heard(new.min(MOST_HEARD)).await?;
            self.fresh += read.len();
            self.heard.extend(read.into_iter().rev().map(Arc::new));
            self.forget_repeated();
            let surplus = self.heard.len().saturating_sub(MOST_HEARD);
            self.heard.drain(..surplus);
        }
        self.count = count;
        // A few may be ahead of what was read; more is a loss.
        if 2 * kept < self.heard.len() && store.put_back(self.heard.iter().rev().map(AsRef::as_ref)).await? {
            self.count = store.count_heard().await?.0;
            tracing::info!(judgements = self.heard.len(), "put back what redis lost of the judgements of words");
        }
        Ok(())
    }

    /// Of several judgements of one answer the newest is kept.
    fn forget_repeated(&mut self) {
        let mut known = HashSet::with_capacity(self.heard.len());
        let mut newest = VecDeque::with_capacity(self.heard.len());
        for heard in std::mem::take(&mut self.heard).into_iter().rev() {
            if known.insert((heard.judged.task, heard.judged.model.clone())) {
                newest.push_front(heard);
            }
        }
        self.heard = newest;
    }

    fn is_worth_learning(&self) -> bool {
        let enough = (self.heard.len() / NEW_SHARE).max(LEAST_NEW);
        self.heard.len() >= LEAST_TEXTS && self.fresh >= enough
    }

    fn take_material(&mut self, now_ms: i64) -> Vec<Arc<Heard>> {
        self.fresh = 0;
        self.heard.retain(|heard| heard.judged.at_ms.saturating_add(HEARD_KEPT_MS) > now_ms);
        self.heard.iter().cloned().collect()
    }
}
