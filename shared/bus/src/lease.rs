//! Leases: at most one process works on a task at a time, as far as that can be known.

use crate::{Accept, Bus, BusError, settle};
use async_nats::{
    HeaderMap, HeaderValue,
    jetstream::{context::PublishErrorKind, message::PublishMessage},
};
use neptune_contracts::{
    Timestamp, headers,
    topology::{LEASE_BUCKET, LEASE_TTL_SECONDS},
};
use std::{sync::OnceLock, time::Duration};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Between two signs of life: a third of the accept's wait, and less than half a lease.
const RENEW_EVERY: Duration = Duration::from_millis(2_500);
const TTL: Duration = Duration::from_secs(LEASE_TTL_SECONDS);

/// The sole right to work on something, for as long as it is renewed.
pub struct Lease {
    bus: Bus,
    key: String,
    /// Stands in the entry, so that its holder knows it again. Minted when there is one.
    holder: OnceLock<String>,
    /// Of the entry that says who holds it; 0 while there is none.
    sequence: u64,
}

/// A lease being renewed in the background. Dropping it ends the renewal; a lease that was written
/// down then lasts for the rest of its time.
pub struct Held {
    lost: CancellationToken,
    stop: DropGuard,
    renewing: JoinHandle<Option<Lease>>,
}

impl Bus {
    /// Takes the lease of `key` to work on an accepted task; nothing when somebody else has it.
    ///
    /// Nobody can contend for a task that was handed out a moment ago, and most tasks end before
    /// anybody could. Their lease is written down with the first sign of life.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn lease_for(&self, key: &str, accept: &Accept) -> Result<Option<Lease>, BusError> {
        if accept.is_fresh(Timestamp::now()) {
            return Ok(Some(Lease::unwritten(self, key)));
        }
        self.lease(key).await
    }

    /// Takes the lease of `key`; nothing when somebody else has it.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn lease(&self, key: &str) -> Result<Option<Lease>, BusError> {
        let lease = Lease::unwritten(self, key);
        match lease.write(0).await {
            Ok(sequence) => Ok(Some(Lease { sequence, ..lease })),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(BusError::new("take a lease", error)),
        }
    }
}

/// What became of a renewal.
enum Renewed {
    /// It is good for another while.
    Yes,
    /// Somebody else has the lease.
    Lost,
    /// The broker did not say.
    Unknown,
}

impl Lease {
    fn unwritten(bus: &Bus, key: &str) -> Self {
        Self { bus: bus.clone(), key: key.to_owned(), holder: OnceLock::new(), sequence: 0 }
    }

    fn holder(&self) -> &str {
        self.holder.get_or_init(|| Uuid::new_v4().simple().to_string())
    }

    async fn write(&self, expected: u64) -> Result<u64, async_nats::jetstream::context::PublishError> {
        let subject = format!("$KV.{}.{}", self.bus.namespace().resource(LEASE_BUCKET), self.key);
        let mut headers = HeaderMap::new();
        headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(expected));
        let message = PublishMessage::build().headers(headers).ttl(TTL).payload(self.holder().to_owned().into());
        let ack = self.bus.inner.context.send_publish(subject, message).await?.await?;
        Ok(ack.sequence)
    }

    /// Renews the lease, and shows the broker a sign of life on the accept, until the result is
    /// dropped.
    #[must_use]
    pub fn hold(self, accept: &Accept) -> Held {
        self.renewed(Some(accept.token.clone()))
    }

    /// Renews the lease of something that is no accepted task, until the result is dropped.
    #[must_use]
    pub fn keep(self) -> Held {
        self.renewed(None)
    }

    fn renewed(self, accept: Option<String>) -> Held {
        let stop = CancellationToken::new();
        let lost = CancellationToken::new();
        let (stopped, on_loss) = (stop.clone(), lost.clone());
        let renewing = tokio::spawn(async move {
            let mut lease = self;
            if stopped.run_until_cancelled(lease.renew_until_lost(accept.as_deref())).await.is_none() {
                return Some(lease);
            }
            on_loss.cancel();
            None
        });
        Held { lost, stop: stop.drop_guard(), renewing }
    }

    /// Returns when the lease belongs to somebody else, or may by now.
    async fn renew_until_lost(&mut self, accept: Option<&str>) {
        let mut valid_until = Instant::now() + TTL;
        // An accept that waited long would be handed out again while the lease of a holder that died still lasts, and
        // then only after another wait.
        if let Some(token) = accept.filter(|_| self.sequence > 0) {
            settle::tell(&self.bus, token, "+WPI").await;
        }
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Some(token) = accept {
                settle::tell(&self.bus, token, "+WPI").await;
            }
            let asked_at = Instant::now();
            match self.renew().await {
                Renewed::Yes => valid_until = asked_at + TTL,
                Renewed::Lost => return,
                // While the broker is away nobody else can take the lease either.
                Renewed::Unknown if Instant::now() > valid_until + TTL => return,
                Renewed::Unknown => tracing::debug!(lease = self.key, "a lease could not be renewed, trying again"),
            }
        }
    }

    async fn renew(&mut self) -> Renewed {
        match self.write(self.sequence).await {
            Ok(sequence) => {
                self.sequence = sequence;
                Renewed::Yes
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => self.find_again().await,
            Err(_) => Renewed::Unknown,
        }
    }

    /// The entry is not the one that was written last. A busy broker may have stored a renewal without saying so
    /// in time; a crash of it may have lost the lease, because it is stored lazily: whoever comes first has it.
    async fn find_again(&mut self) -> Renewed {
        let expected = match self.bus.latest(LEASE_BUCKET, &self.key).await {
            Ok(Some(entry)) if entry.payload.as_ref() == self.holder().as_bytes() => entry.sequence,
            Ok(Some(_)) => return Renewed::Lost,
            Ok(None) => 0,
            Err(_) => return Renewed::Unknown,
        };
        match self.write(expected).await {
            Ok(sequence) => {
                self.sequence = sequence;
                Renewed::Yes
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence && expected == 0 => Renewed::Lost,
            Err(_) => Renewed::Unknown,
        }
    }

    async fn give_up(self) -> Result<(), BusError> {
        if self.sequence == 0 {
            return Ok(());
        }
        let action = "give up a lease";
        let stream = format!("KV_{}", self.bus.namespace().resource(LEASE_BUCKET));
        let stream =
            self.bus.inner.context.get_stream_no_info(stream).await.map_err(|error| BusError::new(action, error))?;
        // Taking the entry out leaves no marker behind that would count as a holder.
        stream.delete_message(self.sequence).await.map(drop).map_err(|error| BusError::new(action, error))
    }
}

impl Held {
    /// Gives the lease up at once, for whoever the work is handed on to. When the broker cannot be
    /// told, the lease runs out by itself.
    pub async fn release(self) {
        drop(self.stop);
        let Ok(Some(lease)) = self.renewing.await else { return };
        if let Err(error) = lease.give_up().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a lease was not given up and runs out by itself"
            );
        }
    }

    /// Resolves when the lease was lost: the work must stop without an effect.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}
