//! Accepts that this executor has worked on a moment ago.
//!
//! A broker that is killed may forget that it had handed out a message between the stages, and hands it out again, with
//! the same accept. The task is under way then, or has ended, and a second call would be made in vain.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Messages between the stages are kept no longer than a minute; so long at least it is known which were worked on.
const KEPT: Duration = Duration::from_secs(60);

/// Accepts that are worked on, or whose tasks have ended.
#[derive(Default)]
pub struct Used {
    names: Mutex<Names>,
    hasher: RandomState,
}

#[derive(Default)]
struct Names {
    /// By their hashes, which take less room.
    newer: HashSet<u64>,
    older: HashSet<u64>,
    turned_at: Option<Instant>,
}

/// Work on an accept. Dropping it lets the same accept be worked on again.
pub struct Use<'u> {
    used: &'u Used,
    name: u64,
    has_ended: bool,
}

impl Used {
    /// Begins to work on the accept of this name; nothing when it is worked on, or its task has ended.
    pub fn begin(&self, name: &str, now: Instant) -> Option<Use<'_>> {
        let name = self.hasher.hash_one(name);
        let mut names = self.names();
        names.turn(now);
        let is_new = !names.older.contains(&name) && names.newer.insert(name);
        // Only then is there something to drop.
        is_new.then(|| Use { used: self, name, has_ended: false })
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// Forgets what is older than two turns.
    fn turn(&mut self, now: Instant) {
        let turned_at = *self.turned_at.get_or_insert(now);
        if now.duration_since(turned_at) >= KEPT {
            self.older = std::mem::take(&mut self.newer);
            self.turned_at = Some(now);
        }
    }
}

impl Use<'_> {
    /// The task has ended.
    pub fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut names = self.used.names();
        names.newer.remove(&self.name);
        names.older.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_accept_is_worked_on_once_unless_it_was_left() {
        let (used, now) = (Used::default(), Instant::now());
        let first = used.begin("a", now).unwrap();
        assert!(used.begin("a", now).is_none(), "it is worked on");
        assert!(used.begin("b", now).is_some());
        drop(first);
        used.begin("a", now).unwrap().end();
        assert!(used.begin("a", now).is_none(), "its task has ended");
        let later = |times: u32| now + KEPT * times;
        assert!(used.begin("a", later(1)).is_none(), "it is remembered for a minute at least");
        assert!(used.begin("c", later(2)).is_some());
        assert!(used.begin("a", later(3)).is_some(), "and not for ever");
    }
}
