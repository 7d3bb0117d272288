//! The frame of a service: its parts run side by side on one connection until a stop is asked for.

use crate::{BatchLimits, Bus, BusError, ConsumeError, Incoming, Meta, Outcome};
use neptune_contracts::{
    Message,
    query::{Query, QueryError},
    topology::ConsumerSpec,
};
use neptune_runtime::Shutdown;
use tokio::task::{JoinError, JoinSet};

/// The parts of a service. `E` is the service's own error. Handlers get a clone of their context,
/// usually an `Arc`, with every message.
pub struct Parts<E> {
    bus: Bus,
    shutdown: Shutdown,
    running: JoinSet<Result<(), E>>,
}

impl<E> Parts<E>
where
    E: From<BusError> + From<ConsumeError> + From<JoinError> + Send + 'static,
{
    /// None yet; they will run on `bus` until `shutdown`.
    #[must_use]
    pub fn new(bus: &Bus, shutdown: &Shutdown) -> Self {
        Self { bus: bus.clone(), shutdown: shutdown.clone(), running: JoinSet::new() }
    }

    /// Calls `handle` for each message of a consumer, up to `concurrency` at a time.
    pub fn consume<M, C, H, F>(&mut self, spec: &'static ConsumerSpec, concurrency: usize, context: &C, handle: H)
    where
        M: Message,
        C: Clone + Send + Sync + 'static,
        H: Fn(C, Incoming<M>) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (bus, shutdown, context) = (self.bus.clone(), self.shutdown.clone(), context.clone());
        self.running.spawn(async move {
            let handle = move |incoming| handle(context.clone(), incoming);
            Ok(bus.consume(spec, concurrency, &shutdown, handle).await?)
        });
    }

    /// The same, with what `expect` makes of each message as it comes; see [`Bus::consume_expecting`].
    pub fn consume_expecting<M, C, X, T, H, F>(
        &mut self,
        spec: &'static ConsumerSpec,
        concurrency: usize,
        context: &C,
        (expect, handle): (X, H),
    ) where
        M: Message,
        C: Clone + Send + Sync + 'static,
        X: Fn(&C, &Meta, &[String]) -> T + Send + Sync + 'static,
        T: Send + 'static,
        H: Fn(C, Incoming<M>, T) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (bus, shutdown, context) = (self.bus.clone(), self.shutdown.clone(), context.clone());
        let expecting = context.clone();
        self.running.spawn(async move {
            let expect = move |meta: &Meta, parameters: &[String]| expect(&expecting, meta, parameters);
            let handle = move |incoming, expected| handle(context.clone(), incoming, expected);
            Ok(bus.consume_expecting(spec, concurrency, &shutdown, expect, handle).await?)
        });
    }

    /// Calls `handle` for batches of a consumer's messages.
    pub fn consume_batches<M, C, H, F>(
        &mut self,
        spec: &'static ConsumerSpec,
        limits: BatchLimits,
        context: &C,
        handle: H,
    ) where
        M: Message,
        C: Clone + Send + Sync + 'static,
        H: Fn(C, Vec<Incoming<M>>) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (bus, shutdown, context) = (self.bus.clone(), self.shutdown.clone(), context.clone());
        self.running.spawn(async move {
            let handle = |batch| handle(context.clone(), batch);
            Ok(bus.consume_batches(spec, limits, &shutdown, handle).await?)
        });
    }

    /// Answers a query.
    pub fn serve<Q, C, H, F>(&mut self, context: &C, handle: H)
    where
        Q: Query,
        C: Clone + Send + Sync + 'static,
        H: Fn(C, Q) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Q::Reply, QueryError>> + Send + 'static,
    {
        let (bus, shutdown, context) = (self.bus.clone(), self.shutdown.clone(), context.clone());
        self.running.spawn(async move {
            let handle = move |query| handle(context.clone(), query);
            Ok(bus.serve(&shutdown, handle).await?)
        });
    }

    /// Runs something else until it ends or a stop is asked for.
    pub fn spawn(&mut self, part: impl Future<Output = Result<(), E>> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.running.spawn(async move { shutdown.run_until_cancelled(part).await.unwrap_or(Ok(())) });
    }

    /// Runs something that cannot fail until it ends or a stop is asked for.
    pub fn spawn_infallible(&mut self, part: impl Future<Output = ()> + Send + 'static) {
        self.spawn(async move {
            part.await;
            Ok(())
        });
    }

    /// Announces the service in `version` as alive, and waits until every part has ended; then
    /// closes the connection.
    ///
    /// # Errors
    /// The first part that failed or crashed; the others are cut off.
    pub async fn run(mut self, version: &'static str) -> Result<(), E> {
        let (bus, shutdown) = (self.bus.clone(), self.shutdown.clone());
        self.running.spawn(async move { Ok(bus.announce(version, &shutdown).await?) });
        while let Some(ended) = self.running.join_next().await {
            ended??;
        }
        self.bus.close().await;
        Ok(())
    }
}
