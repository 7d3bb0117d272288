//! Credit pull: asks the broker for as many messages as there are free hands, never more, so that
//! nothing waits unhandled in a client's memory while its ack wait runs.

use crate::{Bus, BusError};
use async_nats::{Message, Subscriber};
use futures::{FutureExt as _, StreamExt as _};
use neptune_contracts::topology::ConsumerSpec;
use serde_json::json;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// The broker forgets a request for messages after this time.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);
/// While it has nothing to hand out it says so this often.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(5);
/// Two missed heartbeats and a bit: the request is lost.
const SILENCE: Duration = Duration::from_secs(12);
/// Pause before asking again for a consumer that does not exist yet.
const ABSENT_PAUSE: Duration = Duration::from_millis(250);

pub(crate) struct Pull {
    bus: Bus,
    subscriber: Subscriber,
    inbox: String,
    request_subject: String,
    connects: watch::Receiver<u64>,
    /// Messages asked for and neither received nor refused.
    outstanding: usize,
    last_sign: Instant,
    ask_again_at: Option<Instant>,
    /// The rest between two fetches; none when each message is to be handed out at once.
    gather: Option<Duration>,
}

impl Pull {
    pub(crate) async fn open(bus: &Bus, spec: &ConsumerSpec) -> Result<Self, BusError> {
        let inbox = bus.inner.client.new_inbox();
        let subscriber = bus
            .inner
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| BusError::new("subscribe to an inbox", error))?;
        let stream = bus.namespace().resource(spec.stream.as_str());
        Ok(Self {
            request_subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", spec.name),
            connects: bus.inner.connects.clone(),
            bus: bus.clone(),
            subscriber,
            inbox,
            outstanding: 0,
            last_sign: Instant::now(),
            ask_again_at: None,
            gather: (spec.gather_ms > 0).then(|| Duration::from_millis(spec.gather_ms)),
        })
    }

    /// Messages asked for and not yet received.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The next message, keeping up to `credit` asked for. Cancelling loses nothing. Nothing when
    /// the connection was closed for good.
    pub(crate) async fn next(&mut self, credit: usize) -> Option<Message> {
        loop {
            self.top_up(credit).await;
            let wake_at = self.ask_again_at.unwrap_or(self.last_sign + SILENCE);
            tokio::select! {
                message = self.subscriber.next() => {
                    let message = message?;
                    if let Some(message) = self.sort(message) {
                        return Some(message);
                    }
                }
                changed = self.connects.changed() => {
                    changed.ok()?;
                    self.forget_requests();
                }
                () = sleep_until(wake_at) => {
                    self.ask_again_at = None;
                    self.forget_requests();
                }
            }
        }
    }

    /// A message that is here already.
    pub(crate) fn ready(&mut self) -> Option<Message> {
        while let Some(Some(message)) = self.subscriber.next().now_or_never() {
            if let Some(message) = self.sort(message) {
                return Some(message);
            }
        }
        None
    }

    /// Stops asking and returns what had been handed out already.
    pub(crate) async fn close(mut self) -> Vec<Message> {
        let mut rest = Vec::new();
        self.subscriber.unsubscribe().await.ok();
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(250), self.subscriber.next()).await {
            rest.extend(self.sort(message));
        }
        rest
    }

    async fn top_up(&mut self, credit: usize) {
        // A fetch ends with what is there, so a second one beside it would find nothing.
        let due = self.outstanding == 0 || (self.gather.is_none() && self.outstanding <= credit / 2);
        if credit <= self.outstanding || !due || self.ask_again_at.is_some() {
            return;
        }
        let batch = credit - self.outstanding;
        let request = json!({
            "batch": batch,
            // Waits for a first message, and ends with what is there by then.
            "no_wait": self.gather.is_some(),
            "expires": u64::try_from(REQUEST_EXPIRES.as_nanos()).unwrap_or(u64::MAX),
            "idle_heartbeat": u64::try_from(IDLE_HEARTBEAT.as_nanos()).unwrap_or(u64::MAX),
        });
        let body = request.to_string().into();
        let asked =
            self.bus.inner.client.publish_with_reply(self.request_subject.clone(), self.inbox.clone(), body).await;
        if asked.is_ok() {
            self.outstanding += batch;
            self.last_sign = Instant::now();
        } else {
            self.ask_again_at = Some(Instant::now() + ABSENT_PAUSE);
        }
    }

    /// Takes the broker's notices about requests out of the messages.
    fn sort(&mut self, message: Message) -> Option<Message> {
        self.last_sign = Instant::now();
        let Some(status) = message.status else {
            self.outstanding = self.outstanding.saturating_sub(1);
            return Some(message);
        };
        match (status.as_u16(), self.gather) {
            (100, _) => {}
            (404 | 408, Some(gather)) => {
                self.outstanding = 0;
                self.ask_again_at = Some(Instant::now() + gather);
            }
            (503, _) => {
                self.outstanding = 0;
                self.ask_again_at = Some(Instant::now() + ABSENT_PAUSE);
            }
            (code, _) => {
                let headers = message.headers.as_ref();
                let unfilled = headers
                    .and_then(|headers| headers.get("Nats-Pending-Messages"))
                    .and_then(|count| count.as_str().parse().ok());
                self.outstanding = unfilled.map_or(0, |unfilled| self.outstanding.saturating_sub(unfilled));
                if code != 408 {
                    self.ask_again_at = Some(Instant::now() + ABSENT_PAUSE);
                }
            }
        }
        None
    }

    fn forget_requests(&mut self) {
        self.outstanding = 0;
        self.last_sign = Instant::now();
    }
}
