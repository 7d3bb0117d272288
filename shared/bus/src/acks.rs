//! Ending accepts some at a time.
//!
//! A work queue whose last message is acknowledged begins a new file. With one task at a time that
//! would be a file per task, which costs the broker more than everything else it does for it.

use crate::{Bus, settle};
use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long an accept outlives its finished fact at most. Far below its wait, so that it is not
/// handed out again meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Tokens of accepts whose finished fact is stored.
#[derive(Default)]
pub(crate) struct Acks {
    waiting: Mutex<Vec<String>>,
}

impl Acks {
    /// Whether this token is the first to wait.
    fn add(&self, token: String) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(token);
        waiting.len() == 1
    }

    fn take(&self) -> Vec<String> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bus {
    /// Acknowledges an accept soon. A process that dies before leaves it to be handed out again;
    /// whoever gets it finds the stored fact.
    pub(crate) fn end_accept(&self, token: &str) {
        if self.inner.acks.add(token.to_owned()) {
            let bus = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(PAUSE).await;
                bus.end_accepts().await;
            });
        }
    }

    /// Acknowledges what waits now.
    pub(crate) async fn end_accepts(&self) {
        for token in self.inner.acks.take() {
            settle::tell(self, &token, "+ACK").await;
        }
    }
}
