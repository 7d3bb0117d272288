//! Consuming: typed messages, one handler call each, as many at a time as there are permits.

use crate::{
    Bus, BusError, Incoming, Meta,
    pull::Pull,
    settle::{Arrival, settle},
    trace,
};
use async_nats::Message as Raw;
use futures::FutureExt as _;
use neptune_contracts::{Message, topology::ConsumerSpec};
use neptune_runtime::Shutdown;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Time that handlers get to finish after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(25);

/// What became of a message. Only the bus turns it into what the broker hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effects are durable.
    Done,
    /// The accept travels on with what was published; nothing is acknowledged here.
    HandedOn,
    /// Not now; hand it out again after a pause.
    Retry {
        /// The pause.
        after: Duration,
    },
    /// Never; it goes to the dead letters.
    Reject {
        /// Why.
        reason: String,
    },
}

/// Why consuming ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The inbox could not be opened.
    #[error("cannot start consuming {consumer}")]
    Open {
        /// The consumer.
        consumer: &'static str,
        /// The cause.
        #[source]
        source: BusError,
    },
    /// The connection was closed for good.
    #[error("the connection was closed while consuming {consumer}")]
    Closed {
        /// The consumer.
        consumer: &'static str,
    },
}

impl Bus {
    /// Calls `handler` for each message of a consumer, up to `concurrency` at a time, until
    /// `shutdown`; then stops pulling, lets handlers finish, and hands back what was not begun.
    /// Waits as long as it takes for the consumer to exist.
    ///
    /// # Errors
    /// The connection was closed for good.
    pub async fn consume<M, H, F>(
        &self,
        spec: &'static ConsumerSpec,
        concurrency: usize,
        shutdown: &Shutdown,
        handler: H,
    ) -> Result<(), ConsumeError>
    where
        M: Message,
        H: Fn(Incoming<M>) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        self.consume_expecting(spec, concurrency, shutdown, |_, _| (), move |incoming, ()| handler(incoming)).await
    }

    /// The same. Besides, `expect` is told of each message as it comes, with the parameters of its subject, in the order
    /// in which the broker hands them out; what it returns goes to the handler with the message. Handlers run beside each
    /// other, so only by this can they know who came first.
    ///
    /// # Errors
    /// The connection was closed for good.
    pub async fn consume_expecting<M, E, T, H, F>(
        &self,
        spec: &'static ConsumerSpec,
        concurrency: usize,
        shutdown: &Shutdown,
        expect: E,
        handler: H,
    ) -> Result<(), ConsumeError>
    where
        M: Message,
        E: Fn(&Meta, &[String]) -> T + Send + Sync + 'static,
        T: Send + 'static,
        H: Fn(Incoming<M>, T) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        let open = |source| ConsumeError::Open { consumer: spec.name, source };
        let mut pull = Pull::open(self, spec).await.map_err(open)?;
        let crew = Crew::new(self.clone(), spec, concurrency, (expect, handler));
        let mover = crate::exhausted::start(self, spec, shutdown);
        let ended = crew.work(&mut pull, shutdown).await;
        for raw in pull.close().await {
            crew.hand_back(raw).await;
        }
        crew.finish().await;
        mover.await.ok();
        ended
    }
}

struct Crew<E, H> {
    bus: Bus,
    spec: &'static ConsumerSpec,
    concurrency: usize,
    permits: Arc<Semaphore>,
    freed: Arc<Notify>,
    tasks: TaskTracker,
    expect: E,
    handler: Arc<H>,
}

/// A permit that wakes the pull loop when it comes back.
struct Hand {
    _permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Drop for Hand {
    fn drop(&mut self) {
        self._permit.take();
        self.freed.notify_one();
    }
}

impl<E, H> Crew<E, H> {
    fn new(bus: Bus, spec: &'static ConsumerSpec, concurrency: usize, (expect, handler): (E, H)) -> Self {
        let concurrency = concurrency.max(1);
        Self {
            bus,
            spec,
            concurrency,
            permits: Arc::new(Semaphore::new(concurrency)),
            freed: Arc::new(Notify::new()),
            tasks: TaskTracker::new(),
            expect,
            handler: Arc::new(handler),
        }
    }

    async fn work<M, T, F>(&self, pull: &mut Pull, shutdown: &Shutdown) -> Result<(), ConsumeError>
    where
        M: Message,
        E: Fn(&Meta, &[String]) -> T,
        T: Send + 'static,
        H: Fn(Incoming<M>, T) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        loop {
            let credit = self.permits.available_permits();
            // Waking for every returned permit is only worth it when little is asked for.
            let starving = pull.outstanding() <= self.concurrency / 4;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                raw = pull.next(credit), if credit > 0 => match raw {
                    Some(raw) => self.begin(raw),
                    None => return Err(ConsumeError::Closed { consumer: self.spec.name }),
                },
                () = self.freed.notified(), if starving || credit == 0 => {}
            }
        }
    }

    fn begin<M, T, F>(&self, raw: Raw)
    where
        M: Message,
        E: Fn(&Meta, &[String]) -> T,
        T: Send + 'static,
        H: Fn(Incoming<M>, T) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        let Some(arrival) = Arrival::read::<M>(&self.bus, self.spec, raw) else {
            tracing::error!(consumer = self.spec.name, "the broker handed out a message without an ack subject");
            return;
        };
        let expected = (self.expect)(&arrival.meta, &arrival.parameters);
        let hand = Hand { _permit: self.permits.clone().try_acquire_owned().ok(), freed: self.freed.clone() };
        let (bus, spec, handler) = (self.bus.clone(), self.spec, self.handler.clone());
        self.tasks.spawn(async move {
            let _hand = hand;
            handle_one::<M, T, H, F>((&bus, spec), &handler, arrival, expected).await;
        });
    }

    /// Gives a message that was not begun back to the broker. A guarded one is begun again when
    /// its accept is handed out again.
    async fn hand_back(&self, raw: Raw) {
        if self.spec.ack == neptune_contracts::topology::AckPolicy::Guarded {
            return;
        }
        if let Some(reply) = raw.reply {
            self.bus.inner.client.publish(reply, "-NAK".into()).await.ok();
        }
    }

    async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                consumer = self.spec.name,
                "handlers did not finish in time; their messages will be handed out again"
            );
        }
    }
}

async fn handle_one<M, T, H, F>((bus, spec): (&Bus, &'static ConsumerSpec), handler: &H, arrival: Arrival, expected: T)
where
    M: Message,
    H: Fn(Incoming<M>, T) -> F,
    F: Future<Output = Outcome> + Send,
{
    let span = tracing::info_span!(
        "process",
        otel.name = spec.filter,
        otel.kind = "consumer",
        messaging.system = "nats",
        consumer = spec.name
    );
    trace::adopt(&span, &arrival.meta.cause);
    async {
        let outcome = match arrival.decode::<M>(bus).await {
            Ok(incoming) => {
                // Pinned once: each layer around it would hold it twice.
                let called = Box::pin(AssertUnwindSafe(handler(incoming, expected)).catch_unwind());
                crate::settle::alive(bus, spec, &arrival, called).await.unwrap_or_else(|_| arrival.after_panic(spec))
            }
            Err(outcome) => outcome,
        };
        settle::<M>(bus, spec, &arrival, outcome).await;
    }
    .instrument(span)
    .await;
}
