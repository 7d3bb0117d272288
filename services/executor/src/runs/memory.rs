//! Which runs are kept in memory: those that something came to lately, as many as fit.
//!
//! A run that is not kept costs a look into its log when something comes to it, and nothing else. So this bounds what
//! an executor needs, and keeps most of the runs that wait for the same moment from being read anew in that moment.

use super::mailbox::{Key, Mailbox};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Runs at most; beyond that those that nothing came to for longest are forgotten.
const MOST: usize = 65_536;
/// What is kept of all runs together, in bytes, as it is estimated.
const MOST_BYTES: usize = 192 << 20;

/// The mailboxes of runs, and what is known of these runs.
#[derive(Default)]
pub(crate) struct Mailboxes(Mutex<Kept>);

struct Kept {
    by_run: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts what was looked for.
    clock: u64,
    /// Until the clock is there nothing is forgotten again: all that is kept may be in use.
    full_until: u64,
    most: usize,
    most_bytes: usize,
}

struct Entry {
    mailbox: Arc<Mailbox>,
    used: u64,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(MOST, MOST_BYTES)
    }
}

impl Mailboxes {
    /// The mailbox of a run.
    pub(super) fn of(&self, key: &Key) -> Arc<Mailbox> {
        let mut kept = self.kept();
        kept.clock += 1;
        let used = kept.clock;
        if let Some(entry) = kept.by_run.get_mut(key) {
            entry.used = used;
            return Arc::clone(&entry.mailbox);
        }
        if kept.is_full() && used >= kept.full_until {
            kept.forget_oldest();
        }
        let mailbox = Arc::<Mailbox>::default();
        kept.by_run.insert(key.clone(), Entry { mailbox: Arc::clone(&mailbox), used, bytes: 0 });
        mailbox
    }

    /// Notes about how many bytes are kept of a run in its mailbox.
    pub(super) fn weigh(&self, key: &Key, mailbox: &Mailbox, bytes: usize) {
        let mut kept = self.kept();
        let Some(entry) = kept.by_run.get_mut(key).filter(|entry| std::ptr::eq(Arc::as_ptr(&entry.mailbox), mailbox))
        else {
            return;
        };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        kept.bytes = kept.bytes.saturating_sub(before).saturating_add(bytes);
    }

    /// Forgets a run that nothing more is expected for.
    pub(crate) fn forget(&self, key: &Key) {
        let mut kept = self.kept();
        let bytes = kept.by_run.remove(key).map_or(0, |entry| entry.bytes);
        kept.bytes = kept.bytes.saturating_sub(bytes);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn of(most: usize, most_bytes: usize) -> Self {
        Self { by_run: HashMap::new(), bytes: 0, clock: 0, full_until: 0, most, most_bytes }
    }

    fn is_full(&self) -> bool {
        self.by_run.len() >= self.most || self.bytes >= self.most_bytes
    }

    /// Forgets runs that nobody holds, the longest unused first, until a quarter is free. One that is held all the same
    /// by somebody who just took it is only a second one of its run, which the log keeps apart.
    fn forget_oldest(&mut self) {
        let idle = self.by_run.values().filter(|entry| Arc::strong_count(&entry.mailbox) == 1);
        let mut idle: Vec<(u64, usize)> = idle.map(|entry| (entry.used, entry.bytes)).collect();
        idle.sort_unstable();
        let (mut count, mut bytes, mut until) = (self.by_run.len(), self.bytes, 0);
        for (used, weight) in idle {
            if count <= self.most / 4 * 3 && bytes <= self.most_bytes / 4 * 3 {
                break;
            }
            (count, bytes, until) = (count - 1, bytes.saturating_sub(weight), used);
        }
        self.by_run.retain(|_, entry| entry.used > until || Arc::strong_count(&entry.mailbox) > 1);
        self.bytes = self.by_run.values().map(|entry| entry.bytes).sum();
        self.full_until = self.clock + self.by_run.len() as u64 / 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neptune_contracts::{ids::RunId, names::Team};

    fn key(team: &Team) -> Key {
        (team.clone(), RunId::mint())
    }

    #[test]
    fn the_longest_unused_runs_are_forgotten_and_none_that_is_held() {
        let team: Team = "support".parse().unwrap();
        let keys: Vec<Key> = (0..13).map(|_| key(&team)).collect();
        let mailboxes = Mailboxes(Mutex::new(Kept::of(12, 1_000)));
        let held = mailboxes.of(&keys[0]);
        keys[1..12].iter().for_each(|key| drop(mailboxes.of(key)));
        // The second is used again.
        mailboxes.of(&keys[1]);
        mailboxes.of(&keys[12]);
        let is_kept = |key: &Key| mailboxes.kept().by_run.contains_key(key);
        let kept: Vec<usize> = (0..13).filter(|number| is_kept(&keys[*number])).collect();
        assert_eq!(kept, [0, 1, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert!(Arc::ptr_eq(&held, &mailboxes.of(&keys[0])));
    }

    #[test]
    fn large_runs_leave_room_for_fewer() {
        let team: Team = "support".parse().unwrap();
        let keys: Vec<Key> = (0..5).map(|_| key(&team)).collect();
        let mailboxes = Mailboxes(Mutex::new(Kept::of(100, 1_000)));
        for key in &keys[..4] {
            let mailbox = mailboxes.of(key);
            mailboxes.weigh(key, &mailbox, 100);
            mailboxes.weigh(key, &mailbox, 300);
            // A mailbox that was forgotten counts no more.
            mailboxes.weigh(key, &Mailbox::default(), 5_000);
        }
        let kept = || {
            let kept = mailboxes.kept();
            (kept.by_run.len(), kept.bytes)
        };
        assert_eq!(kept(), (4, 1_200));
        mailboxes.of(&keys[4]);
        assert_eq!(kept(), (3, 600));
        keys.iter().for_each(|key| mailboxes.forget(key));
        assert_eq!(kept(), (0, 0));
    }
}
