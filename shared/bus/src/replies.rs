//! Waiting for finished facts: one inbox subscription per process, however many callers wait.

use crate::{Bus, BusError, payload};
use futures::StreamExt as _;
use neptune_contracts::finished::TaskFinished;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

type Waiters = Arc<Mutex<HashMap<String, oneshot::Sender<TaskFinished>>>>;

/// The inbox of a process.
#[derive(Clone)]
pub struct Replies {
    prefix: String,
    waiters: Waiters,
    _stop: Arc<DropGuard>,
}

/// A caller that waits for one fact. Dropping it gives the place up.
pub struct Waiting {
    token: String,
    waiters: Waiters,
    receiver: oneshot::Receiver<TaskFinished>,
}

impl Bus {
    /// Opens this process's inbox for finished facts.
    ///
    /// # Errors
    /// The inbox could not be opened.
    pub async fn replies(&self) -> Result<Replies, BusError> {
        let owner = self.service().as_str();
        let prefix = format!("{}.{}", self.namespace().subject("reply.<team>", &[owner]), Uuid::now_v7().simple());
        self.replies_on(prefix).await
    }

    /// The same on an inbox of a client's own, below `prefix`.
    ///
    /// # Errors
    /// The inbox could not be opened.
    pub async fn replies_on(&self, prefix: String) -> Result<Replies, BusError> {
        let mut inbox = self
            .inner
            .client
            .subscribe(format!("{prefix}.*"))
            .await
            .map_err(|error| BusError::new("open the inbox for replies", error))?;
        let waiters = Waiters::default();
        let stop = CancellationToken::new();
        let (bus, for_inbox, stopped) = (self.clone(), waiters.clone(), stop.clone());
        tokio::spawn(async move {
            while let Some(Some(message)) = stopped.run_until_cancelled(inbox.next()).await {
                hand_over(&bus, &for_inbox, message).await;
            }
        });
        Ok(Replies { prefix, waiters, _stop: Arc::new(stop.drop_guard()) })
    }
}

async fn hand_over(bus: &Bus, waiters: &Waiters, message: async_nats::Message) {
    let token = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
    let Some(waiter) = waiters.lock().unwrap_or_else(PoisonError::into_inner).remove(&token) else { return };
    let read = payload::fetch(bus, message.headers.as_ref(), message.payload).await;
    match read.ok().and_then(|body| serde_json::from_slice(&body).ok()) {
        Some(finished) => drop(waiter.send(finished)),
        None => tracing::warn!("an answer is not readable; its caller has to read the stored fact"),
    }
}

impl Replies {
    /// A fresh reply subject, and the place to wait for what is published on it.
    #[must_use]
    pub fn expect(&self) -> (String, Waiting) {
        let token = Uuid::new_v4().simple().to_string();
        let (sender, receiver) = oneshot::channel();
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), sender);
        let subject = format!("{}.{token}", self.prefix);
        (subject, Waiting { token, waiters: self.waiters.clone(), receiver })
    }
}

impl Waiting {
    /// The fact, or nothing when it does not come within `timeout`.
    pub async fn wait(mut self, timeout: Duration) -> Option<TaskFinished> {
        tokio::time::timeout(timeout, &mut self.receiver).await.ok()?.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}
