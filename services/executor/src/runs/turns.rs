//! Whose turn it is: what came through the same stream is given on in the order in which the broker handed it out.
//!
//! Handlers run beside each other, so that of two messages for the same run the later one may be ready first. A turn is
//! taken as a message comes, before its handler begins, and is over when its holder lets go of it, whatever became of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The turns that are taken and not over.
#[derive(Default)]
pub(crate) struct Turns {
    lines: Mutex<HashMap<String, Line>>,
}

#[derive(Default)]
struct Line {
    /// The numbers of its turns.
    open: BTreeSet<u64>,
    next: u64,
    moved: Arc<Notify>,
}

/// A turn among those with the same key. Dropping it lets the next one come.
pub struct Turn {
    turns: Arc<Turns>,
    key: String,
    number: u64,
    moved: Arc<Notify>,
}

impl Turns {
    /// Takes the next turn of a key.
    pub(crate) fn take(self: &Arc<Self>, key: String) -> Turn {
        let mut lines = self.lines();
        let line = lines.entry(key.clone()).or_default();
        let (number, moved) = (line.next, Arc::clone(&line.moved));
        line.next += 1;
        line.open.insert(number);
        Turn { turns: Arc::clone(self), key, number, moved }
    }

    fn is_first(&self, key: &str, number: u64) -> bool {
        self.lines().get(key).is_none_or(|line| line.open.first().is_none_or(|first| *first == number))
    }

    fn end(&self, key: &str, number: u64) {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(key) else { return };
        line.open.remove(&number);
        if line.open.is_empty() {
            lines.remove(key);
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when all turns that were taken before are over.
    pub(crate) async fn come(&self) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.turns.is_first(&self.key, self.number) {
                return;
            }
            moved.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.end(&self.key, self.number);
        self.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn turns_of_a_key_come_one_after_the_other_and_others_do_not_wait() {
        let turns = Arc::new(Turns::default());
        let take = |key: &str| turns.take(key.to_owned());
        let (first, second, third, other) = (take("a"), take("a"), take("a"), take("b"));
        let has_come = |turn: &Turn| turn.come().now_or_never().is_some();
        assert_eq!([&first, &second, &third, &other].map(has_come), [true, false, false, true]);
        // One that is given up lets nobody overtake those before it.
        drop(second);
        assert!(!has_come(&third));
        let waiting = tokio::spawn(async move { third.come().await });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.unwrap();
        drop(other);
        assert!(turns.lines().is_empty(), "nothing is left behind");
    }
}
