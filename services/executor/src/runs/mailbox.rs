//! Mailboxes: what comes to one run is decided about by one at a time, and together.

use super::{Runs, carry::Carried};
use crate::domain::run::course::{Course, Heard};
use neptune_bus::Outcome;
use neptune_contracts::{ids::RunId, names::Team, run::log::RunMadeOf};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

/// Runs of which something is kept in memory; beyond that those that nothing came to for longest are forgotten.
const KEPT: usize = 2_048;
/// What is decided about at a time at most.
const TOGETHER: usize = 1_024;

/// Which run.
pub(crate) type Key = (Team, RunId);

/// Something that came to a run.
pub(crate) struct Item {
    /// What.
    pub(crate) heard: Heard,
    /// How often it was handed out, from 1.
    pub(crate) delivered: u64,
    /// What the run is made of, if this is its beginning.
    pub(crate) made_of: Option<Arc<RunMadeOf>>,
}

struct Waiting {
    item: Item,
    carried: oneshot::Sender<Carried>,
}

/// The mailbox of a run.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// The run as it was known last.
    pub(crate) course: tokio::sync::Mutex<Option<Course>>,
    used: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Somebody decides, and looks again before it ends.
    is_busy: bool,
}

/// All mailboxes.
#[derive(Default)]
pub(crate) struct Mailboxes {
    by_run: Mutex<HashMap<Key, Arc<Mailbox>>>,
    clock: AtomicU64,
}

impl Mailboxes {
    pub(super) fn of(&self, key: &Key) -> Arc<Mailbox> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut by_run = self.by_run.lock().unwrap_or_else(PoisonError::into_inner);
        if by_run.len() >= KEPT && !by_run.contains_key(key) {
            forget(&mut by_run);
        }
        let mailbox = by_run.entry(key.clone()).or_insert_with(|| {
            Arc::new(Mailbox {
                state: Mutex::default(),
                course: tokio::sync::Mutex::new(None),
                used: AtomicU64::new(now),
            })
        });
        mailbox.used.store(now, Ordering::Relaxed);
        Arc::clone(mailbox)
    }

    /// Forgets a run that nothing more is expected for.
    pub(crate) fn forget(&self, key: &Key) {
        self.by_run.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Forgets a quarter of the mailboxes that nobody holds, the longest unused first. One that is held all the same by
/// somebody who just took it is only a second one of its run, which the log keeps apart.
fn forget(by_run: &mut HashMap<Key, Arc<Mailbox>>) {
    let mut idle: Vec<(u64, Key)> = by_run
        .iter()
        .filter(|(_, mailbox)| Arc::strong_count(mailbox) == 1)
        .map(|(key, mailbox)| (mailbox.used.load(Ordering::Relaxed), key.clone()))
        .collect();
    idle.sort_unstable_by_key(|(used, _)| *used);
    for (_, key) in idle.into_iter().take(KEPT / 4) {
        by_run.remove(&key);
    }
}

impl Mailbox {
    /// Puts something in. True when the caller has to see to it.
    fn put(&self, waiting: Waiting) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push(waiting);
        !std::mem::replace(&mut state.is_busy, true)
    }

    /// Takes what is there; nothing when there is nothing, and then the next one who puts something in sees to it.
    fn take(&self) -> Vec<Waiting> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let most = state.waiting.len().min(TOGETHER);
        let taken: Vec<Waiting> = state.waiting.drain(..most).collect();
        state.is_busy = !taken.is_empty();
        taken
    }
}

impl Runs {
    /// Takes something that came to a run, and returns what becomes of its message once what follows from it is stored
    /// and asked for.
    pub(crate) async fn hear(self: &Arc<Self>, key: Key, item: Item) -> Outcome {
        let (carried, done) = oneshot::channel();
        let mailbox = self.mailboxes.of(&key);
        if mailbox.put(Waiting { item, carried }) {
            // Not by this handler: if that is given up, the others must not wait for it.
            tokio::spawn(Arc::clone(self).work_off(key, mailbox));
        }
        match done.await {
            Ok(Carried::On) => Outcome::Done,
            Ok(Carried::Later(after)) => Outcome::Retry { after },
            Ok(Carried::Aside(reason)) => Outcome::Reject { reason },
            // Whoever worked it off crashed.
            Err(_) => Outcome::Retry { after: super::RETRY },
        }
    }

    async fn work_off(self: Arc<Self>, key: Key, mailbox: Arc<Mailbox>) {
        loop {
            let waiting = mailbox.take();
            if waiting.is_empty() {
                return;
            }
            let (items, senders): (Vec<Item>, Vec<_>) =
                waiting.into_iter().map(|waiting| (waiting.item, waiting.carried)).unzip();
            let carried = Box::pin(self.carry(&key, &mailbox, items)).await;
            for sender in senders {
                // Whoever waited may have been given up; its message is handed out again.
                let _gone = sender.send(carried.clone());
            }
        }
    }
}
