//! Consuming in batches, for work that is cheaper together, such as rows of a database.

use crate::{
    Bus, ConsumeError, Incoming, Outcome,
    pull::Pull,
    settle::{Arrival, settle, tell},
};
use async_nats::Message as Raw;
use neptune_contracts::{Message, topology::ConsumerSpec};
use neptune_runtime::Shutdown;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How large a batch gets, and how long it waits to get there.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Most messages.
    pub max_messages: usize,
    /// Longest wait after the first message.
    pub linger: Duration,
}

impl Bus {
    /// Calls `handler` with batches of a consumer's messages, one batch at a time, until
    /// `shutdown`. The outcome holds for the whole batch.
    ///
    /// # Errors
    /// The connection was closed for good.
    pub async fn consume_batches<M, H, F>(
        &self,
        spec: &'static ConsumerSpec,
        limits: BatchLimits,
        shutdown: &Shutdown,
        handler: H,
    ) -> Result<(), ConsumeError>
    where
        M: Message,
        H: Fn(Vec<Incoming<M>>) -> F,
        F: Future<Output = Outcome>,
    {
        let open = |source| ConsumeError::Open { consumer: spec.name, source };
        let mut pull = Pull::open(self, spec).await.map_err(open)?;
        while let Some(first) = shutdown.run_until_cancelled(pull.next(limits.max_messages)).await {
            let first = first.ok_or(ConsumeError::Closed { consumer: spec.name })?;
            let raws = fill(&mut pull, first, limits).await;
            let (arrivals, messages) = self.decode_batch::<M>(spec, raws).await;
            if messages.is_empty() {
                continue;
            }
            let outcome = self.keep_alive(spec, &arrivals, handler(messages)).await;
            for arrival in &arrivals {
                settle::<M>(self, spec, arrival, outcome.clone()).await;
            }
        }
        for raw in pull.close().await {
            if let Some(reply) = raw.reply {
                tell(self, reply.as_str(), "-NAK").await;
            }
        }
        Ok(())
    }

    /// What cannot be read is settled here; the rest goes to the handler.
    async fn decode_batch<M: Message>(
        &self,
        spec: &'static ConsumerSpec,
        raws: Vec<Raw>,
    ) -> (Vec<Arrival>, Vec<Incoming<M>>) {
        let mut arrivals = Vec::with_capacity(raws.len());
        let mut messages = Vec::with_capacity(raws.len());
        for arrival in raws.into_iter().filter_map(|raw| Arrival::read::<M>(self, spec, raw)) {
            match arrival.decode::<M>(self).await {
                Ok(incoming) => {
                    messages.push(incoming);
                    arrivals.push(arrival);
                }
                Err(outcome) => settle::<M>(self, spec, &arrival, outcome).await,
            }
        }
        (arrivals, messages)
    }

    async fn keep_alive<T>(&self, spec: &ConsumerSpec, arrivals: &[Arrival], handler: impl Future<Output = T>) -> T {
        let mut handler = std::pin::pin!(handler);
        let every = Duration::from_secs(spec.ack_wait_seconds) / 3;
        loop {
            tokio::select! {
                done = &mut handler => return done,
                () = tokio::time::sleep(every) => {
                    for arrival in arrivals {
                        tell(self, &arrival.meta.ack_subject, "+WPI").await;
                    }
                }
            }
        }
    }
}

async fn fill(pull: &mut Pull, first: Raw, limits: BatchLimits) -> Vec<Raw> {
    let deadline = Instant::now() + limits.linger;
    let mut raws = vec![first];
    while raws.len() < limits.max_messages {
        let next = match pull.ready() {
            Some(raw) => Some(raw),
            None => timeout_at(deadline, pull.next(limits.max_messages - raws.len())).await.ok().flatten(),
        };
        let Some(raw) = next else { break };
        raws.push(raw);
    }
    raws
}
