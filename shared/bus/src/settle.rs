//! From a handler's outcome to what the broker hears.

use crate::{
    Bus, Incoming, Meta, Outcome, dead,
    envelope::{Cause, read_ack_subject},
    payload,
};
use async_nats::{HeaderMap, Message as Raw};
use bytes::Bytes;
use neptune_contracts::{
    Message, Timestamp,
    admission::Task,
    chat::ChatRequest,
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    headers,
    ids::TaskId,
    json,
    problem::Problem,
    subject,
    task::TaskSubmitted,
    topology::{AckPolicy, ConsumerSpec, MAX_HOPS, StreamName},
};
use serde_json::Value;
use std::time::Duration;

/// A handler that crashed this often on the same message will crash again.
const CRASHES: u64 = 5;
/// A body that is not there at this delivery, a quarter of a minute after the first, is not only late.
const MISSING: u64 = 4;

/// A message as it came, before it is decoded.
pub(crate) struct Arrival {
    pub(crate) meta: Meta,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) body: Bytes,
    pub(crate) parameters: Vec<String>,
}

impl Arrival {
    pub(crate) fn read<M: Message>(bus: &Bus, spec: &ConsumerSpec, raw: Raw) -> Option<Self> {
        let ack_subject = raw.reply?.to_string();
        let (stream, delivered, sequence, stored_at) = read_ack_subject(&ack_subject)?;
        let subject = raw.subject.to_string();
        let parameters: Vec<String> = bus
            .namespace()
            .parameters(M::SUBJECT, &subject)
            .unwrap_or_default()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut cause = Cause::from_headers(raw.headers.as_ref());
        if spec.ack == AckPolicy::Travels {
            cause.accept_here(&ack_subject, delivered, bus.namespace(), parameters.first().map_or("", String::as_str));
        }
        let meta = Meta { subject, stream, sequence, delivered, stored_at, ack_subject, cause };
        Some(Self { meta, headers: raw.headers, body: raw.payload, parameters })
    }

    /// The message, or what becomes of one that cannot be read.
    pub(crate) async fn decode<M: Message>(&self, bus: &Bus) -> Result<Incoming<M>, Outcome> {
        if self.meta.cause.hop > MAX_HOPS {
            return Err(Outcome::Reject { reason: format!("handed on more than {MAX_HOPS} times, which is a loop") });
        }
        let body = self.full_body(bus).await.map_err(|error| {
            if error.is_not_found() && self.tries() >= MISSING {
                let reason = "the body it refers to is not in the store of large bodies".to_owned();
                return Outcome::Reject { reason };
            }
            tracing::warn!(%error, subject = self.meta.subject, "cannot fetch a body, trying again");
            Outcome::Retry { after: Duration::from_secs(2) }
        })?;
        let mut message =
            M::decode(&body).map_err(|error| Outcome::Reject { reason: unread::<M>(&fault::<M>(&body, &error)) })?;
        let parameters: Vec<&str> = self.parameters.iter().map(String::as_str).collect();
        message.read_parameters(&parameters);
        Ok(Incoming { message, meta: self.meta.clone() })
    }

    /// How often it, or the task it works on, was handed out.
    fn tries(&self) -> u64 {
        self.meta.cause.accept.as_ref().map_or(self.meta.delivered, |accept| accept.delivery)
    }

    /// Whether its body lies in the store of large bodies.
    fn refers_to_a_body(&self) -> bool {
        self.headers.as_ref().is_some_and(|headers| headers.get(headers::BODY_REFERENCE).is_some())
    }

    async fn full_body(&self, bus: &Bus) -> Result<Bytes, crate::BusError> {
        payload::fetch(bus, self.headers.as_ref(), self.body.clone()).await
    }

    pub(crate) fn after_panic(&self, spec: &ConsumerSpec) -> Outcome {
        let deliveries = match spec.ack {
            AckPolicy::Guarded => self.meta.cause.accept.as_ref().map_or(CRASHES, |accept| accept.delivery),
            AckPolicy::Explicit | AckPolicy::Travels => self.meta.delivered,
        };
        tracing::error!(consumer = spec.name, deliveries, "a handler panicked");
        if deliveries >= CRASHES {
            Outcome::Reject { reason: format!("the handler crashed {deliveries} times") }
        } else {
            Outcome::Retry { after: Duration::from_millis(200 << deliveries.min(6)) }
        }
    }
}

/// Runs a handler and shows the broker a sign of life while it lasts.
pub(crate) async fn alive<T>(bus: &Bus, spec: &ConsumerSpec, arrival: &Arrival, handler: impl Future<Output = T>) -> T {
    let mut handler = std::pin::pin!(handler);
    if spec.ack == AckPolicy::Guarded {
        return handler.await;
    }
    let every = Duration::from_secs(spec.ack_wait_seconds) / 3;
    loop {
        tokio::select! {
            done = &mut handler => return done,
            () = tokio::time::sleep(every) => tell(bus, &arrival.meta.ack_subject, "+WPI").await,
        }
    }
}

/// Tells the broker what became of a message.
pub(crate) async fn settle<M: Message>(bus: &Bus, spec: &ConsumerSpec, arrival: &Arrival, outcome: Outcome) {
    let ack_subject = arrival.meta.ack_subject.as_str();
    match (outcome, spec.ack) {
        (Outcome::HandedOn, _) | (Outcome::Done, AckPolicy::Guarded) => {}
        (Outcome::Retry { .. }, AckPolicy::Guarded) => {
            tracing::warn!(consumer = spec.name, "left to the accept, which is handed out again");
        }
        (Outcome::Done, _) => tell(bus, ack_subject, "+ACK").await,
        (Outcome::Retry { after }, _) => tell(bus, ack_subject, &nak(after)).await,
        (Outcome::Reject { reason }, policy) => Box::pin(reject::<M>(bus, policy, arrival, reason)).await,
    }
}

pub(crate) fn nak(after: Duration) -> String {
    format!("-NAK {{\"delay\": {}}}", after.as_nanos())
}

pub(crate) async fn tell(bus: &Bus, ack_subject: &str, word: &str) {
    if let Err(error) = bus.inner.client.publish(ack_subject.to_owned(), word.to_owned().into()).await {
        tracing::debug!(%error, word, "could not tell the broker; the message will be handed out again");
    }
}

/// Keeps the message whole before the broker forgets it. Until that worked it is handed out again.
async fn reject<M: Message>(bus: &Bus, policy: AckPolicy, arrival: &Arrival, reason: String) {
    tracing::error!(
        subject = arrival.meta.subject,
        sequence = arrival.meta.sequence,
        reason,
        "a message goes to the dead letters"
    );
    let kept = keep_and_answer::<M>(bus, arrival, reason).await;
    if !kept {
        tracing::error!("could not store a dead letter; the message will be handed out again");
    }
    match (policy, kept) {
        (AckPolicy::Explicit, true) => tell(bus, &arrival.meta.ack_subject, "+TERM").await,
        (AckPolicy::Explicit, false) => tell(bus, &arrival.meta.ack_subject, &nak(Duration::from_secs(5))).await,
        // The accept is settled by the answer, or else handed out again.
        (AckPolicy::Travels | AckPolicy::Guarded, _) => {}
    }
}

/// Stores the dead letter and ends the task the message is about. False when it has to be tried
/// again.
pub(crate) async fn keep_and_answer<M: Message>(bus: &Bus, arrival: &Arrival, reason: String) -> bool {
    let body = arrival.full_body(bus).await.unwrap_or_else(|_| arrival.body.clone());
    let team = arrival.parameters.first().filter(|_| M::SUBJECT.contains("<team>")).cloned();
    let letter = dead::letter(bus.service(), team, &arrival.meta, arrival.headers.as_ref(), &body, reason.clone());
    bus.publish(&letter, &Cause::root()).await.is_ok() && give_answer::<M>(bus, arrival, &body, reason).await
}

/// A task that is given up still ends in its finished fact. True when there is nothing left to do.
async fn give_answer<M: Message>(bus: &Bus, arrival: &Arrival, body: &[u8], reason: String) -> bool {
    let Some(accept) = &arrival.meta.cause.accept else { return true };
    let Some(finished) = abandoned::<M>(arrival, body, reason) else {
        tell(bus, &accept.token, "+TERM").await;
        return true;
    };
    bus.finish(&finished, accept, &arrival.meta.cause).await.is_ok()
}

/// What is wrong with a body, where that is `M` at all.
fn fault<M: Message>(body: &[u8], error: &serde_json::Error) -> Problem {
    let remedy = format!("send JSON in the shape of schemas/{}.json", subject::stem(M::SUBJECT));
    json::fault::<M>(body, error, &remedy)
}

fn unread<M: Message>(fault: &Problem) -> String {
    format!("not readable as {}: {}: {}", M::SUBJECT, fault.field, fault.message)
}

fn abandoned<M: Message>(arrival: &Arrival, body: &[u8], reason: String) -> Option<TaskFinished> {
    let now = Timestamp::now();
    if M::STREAM == StreamName::Tasks {
        let (task, fault) = submitted_task(arrival, body)?;
        // A body that travels by reference and is not there cannot be called malformed.
        let is_missing = body.is_empty() && arrival.refers_to_a_body();
        let (outcome, error) = match fault.filter(|_| !is_missing) {
            None => (TaskOutcome::Failed, given_up(&reason)),
            Some(fault) => (TaskOutcome::Rejected, unreadable(fault)),
        };
        return Some(TaskFinished::without_attempts(&task, outcome, error, now));
    }
    let message: M = serde_json::from_slice(body).ok()?;
    Some(TaskFinished::without_attempts(message.task()?, TaskOutcome::Failed, given_up(&reason), now))
}

fn given_up(reason: &str) -> TaskError {
    let message = format!("the task was given up and is kept as a dead letter: {reason}");
    TaskError { code: "dead_letter".into(), message, problems: Vec::new(), retry_after_ms: None }
}

fn unreadable(fault: Problem) -> TaskError {
    let message = format!("{}; {}", unread::<TaskSubmitted>(&fault), fault.remedy);
    TaskError { code: "invalid_request".into(), message, problems: vec![fault], retry_after_ms: None }
}

/// The task of a submitted body, and what is wrong with a body that is not readable. Of such a one
/// the id is kept when it can be made out.
fn submitted_task(arrival: &Arrival, body: &[u8]) -> Option<(Task, Option<Problem>)> {
    let stored_id = TaskId::of_stored(&arrival.meta.stream, arrival.meta.sequence);
    let parameters: Vec<&str> = arrival.parameters.iter().map(String::as_str).collect();
    let team = parameters.first()?.parse().ok()?;
    let error = match TaskSubmitted::decode(body) {
        Ok(mut submitted) => {
            submitted.read_parameters(&parameters);
            return Some((submitted.settle(stored_id, arrival.meta.stored_at)?, None));
        }
        Err(error) => error,
    };
    let id = serde_json::from_slice::<Value>(body).ok().and_then(|body| body.get("id")?.as_str()?.parse().ok());
    let id = id.filter(|id: &TaskId| !id.0.is_nil());
    let mut submitted = TaskSubmitted::new(team, ChatRequest::default());
    submitted.read_parameters(&parameters);
    submitted.id = id;
    let fault = fault::<TaskSubmitted>(body, &error);
    Some((submitted.settle(stored_id, arrival.meta.stored_at)?, Some(fault)))
}
