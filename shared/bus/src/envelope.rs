//! What surrounds a message: where it was stored, what caused it, and the accept it works on.

use crate::trace;
use async_nats::HeaderMap;
use neptune_contracts::{Timestamp, headers, subject::Namespace, topology::ACCEPT_ACK_WAIT_SECONDS};

/// A message that arrived.
#[derive(Debug)]
pub struct Incoming<M> {
    /// What it says.
    pub message: M,
    /// What is about it.
    pub meta: Meta,
}

/// What is about a message that arrived.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The subject it was published on.
    pub subject: String,
    /// The stream that stored it.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// How often it was delivered, counted from 1.
    pub delivered: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
    pub(crate) ack_subject: String,
    pub(crate) cause: Cause,
}

/// The accept of a task: the right and the duty to finish it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    pub(crate) token: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) delivery: u64,
    pub(crate) handed_out_at: Timestamp,
}

/// Until this time after an accept was first handed out nobody else can have it, with two thirds
/// of its wait left for clocks that differ.
const FRESH_MICROS: u64 = ACCEPT_ACK_WAIT_SECONDS * 1_000_000 / 3;

/// What made a message be published. Everything in it travels in headers.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    pub(crate) accept: Option<Accept>,
    pub(crate) reply_to: Option<String>,
    pub(crate) causation: Option<String>,
    pub(crate) hop: u32,
    pub(crate) trace_parent: Option<String>,
    pub(crate) trace_state: Option<String>,
}

impl Accept {
    /// How often the task was handed out, counted from 1. Above 1 somebody may have worked on it
    /// before, or still does.
    #[must_use]
    pub fn delivery(&self) -> u64 {
        self.delivery
    }

    /// What names it among all accepts: the message in its stream, and which time it was handed out. A broker that forgot
    /// in a crash that it had handed it out gives the next one the same name.
    #[must_use]
    pub fn name(&self) -> String {
        read_ack_subject(&self.token).map_or_else(
            || self.token.clone(),
            |(stream, delivered, sequence, _)| format!("{stream}.{sequence}.{delivered}"),
        )
    }

    /// Whether a caller waits for the finished fact and is told it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.reply_to.is_some()
    }

    /// Whether the task was handed out for the first time, and so lately that it cannot have been
    /// handed out again.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.delivery == 1 && now.micros_since(self.handed_out_at) < FRESH_MICROS
    }
}

impl<M> Incoming<M> {
    /// The cause for messages published because of this one.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.meta.cause.clone()
    }

    /// The accept this message works on.
    #[must_use]
    pub fn accept(&self) -> Option<&Accept> {
        self.meta.cause.accept.as_ref()
    }
}

impl Cause {
    /// Nothing on the bus caused it.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The publisher waits for the finished fact on `subject`.
    #[must_use]
    pub fn with_reply_to(mut self, subject: impl Into<String>) -> Self {
        self.reply_to = Some(subject.into());
        self
    }

    /// Continues a trace that came in from outside, by its W3C headers.
    #[must_use]
    pub fn with_trace(mut self, trace_parent: Option<String>, trace_state: Option<String>) -> Self {
        self.trace_parent = trace_parent;
        self.trace_state = trace_state;
        self
    }

    /// The accept that travels with it.
    #[must_use]
    pub fn accept(&self) -> Option<&Accept> {
        self.accept.as_ref()
    }

    /// For facts that are about the task and carry no right to finish it.
    #[must_use]
    pub fn without_accept(mut self) -> Self {
        self.accept = None;
        self.reply_to = None;
        self
    }

    pub(crate) fn from_headers(headers: Option<&HeaderMap>) -> Self {
        let text = |name: &str| headers?.get(name).map(|value| value.as_str().to_owned());
        let accept = text(headers::ACK_TOKEN).map(|token| Accept {
            token,
            reply_to: text(headers::REPLY_TO),
            delivery: text(headers::DELIVERY).and_then(|count| count.parse().ok()).unwrap_or(1),
            handed_out_at: text(headers::HANDED_OUT)
                .and_then(|micros| Timestamp::from_unix_micros(micros.parse().ok()?))
                .unwrap_or(Timestamp::EPOCH),
        });
        Self {
            accept,
            reply_to: text(headers::REPLY_TO),
            causation: text(headers::CE_ID).or_else(|| text(headers::MESSAGE_ID)),
            hop: text(headers::HOP).and_then(|hop| hop.parse().ok()).unwrap_or(0),
            trace_parent: text(headers::TRACE_PARENT),
            trace_state: text(headers::TRACE_STATE),
        }
    }

    /// Makes the message itself the accept: its ack token starts to travel.
    pub(crate) fn accept_here(&mut self, ack_subject: &str, delivery: u64, namespace: &Namespace, team: &str) {
        let reply_to = self.reply_to.take().filter(|subject| is_inbox(namespace, team, subject));
        let handed_out_at = Timestamp::now();
        self.accept = Some(Accept { token: ack_subject.to_owned(), reply_to, delivery, handed_out_at });
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(accept) = &self.accept {
            headers.insert(headers::ACK_TOKEN, accept.token.as_str());
            headers.insert(headers::DELIVERY, accept.delivery.to_string());
            headers.insert(headers::HANDED_OUT, accept.handed_out_at.unix_micros().to_string());
        }
        let reply_to = self.accept.as_ref().map_or(&self.reply_to, |accept| &accept.reply_to);
        if let Some(reply_to) = reply_to {
            headers.insert(headers::REPLY_TO, reply_to.as_str());
        }
        if let Some(causation) = &self.causation {
            headers.insert(headers::CAUSATION, causation.as_str());
        }
        headers.insert(headers::HOP, (self.hop + 1).to_string());
        trace::inject(self, headers);
    }
}

/// Whether `subject` may be answered on: only a caller's own inbox. A reply subject is a
/// capability; any other would let a client make a service speak for it.
pub(crate) fn is_inbox(namespace: &Namespace, team: &str, subject: &str) -> bool {
    let own = [
        "_INBOX.".to_owned(),
        namespace.subject("reply.<team>", &[team]) + ".",
        namespace.subject("reply.<team>", &["ingress"]) + ".",
    ];
    let plain = subject.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>');
    let accepted = plain && subject.len() <= 256 && own.iter().any(|prefix| subject.starts_with(prefix.as_str()));
    if !accepted {
        tracing::warn!("a reply subject that is not the caller's own inbox is ignored");
    }
    accepted
}

/// The parts of an ack subject:
/// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time ns>.<pending>`, in
/// newer servers with domain and account hash before the stream.
pub(crate) fn read_ack_subject(reply: &str) -> Option<(String, u64, u64, Timestamp)> {
    let tokens: Vec<&str> = reply.split('.').collect();
    let offset = if tokens.len() > 9 { 4 } else { 2 };
    let stream = tokens.get(offset)?;
    let number = |index: usize| tokens.get(offset + index).and_then(|token| token.parse::<u64>().ok());
    let (delivered, sequence, nanos) = (number(2)?, number(3)?, number(5)?);
    let stored_at = Timestamp::from_unix_micros(i64::try_from(nanos / 1_000).ok()?)?;
    Some(((*stream).to_owned(), delivered, sequence, stored_at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ack_subjects_of_both_forms_are_read() {
        let short = "$JS.ACK.NEPTUNE_TASKS.governance-submitted.3.42.99.1700000000000001000.7";
        let long = "$JS.ACK._.hash.NEPTUNE_TASKS.governance-submitted.3.42.99.1700000000000001000.7.token";
        for subject in [short, long] {
            let (stream, delivered, sequence, at) = read_ack_subject(subject).unwrap();
            assert_eq!((stream.as_str(), delivered, sequence), ("NEPTUNE_TASKS", 3, 42));
            assert_eq!(at.unix_micros(), 1_700_000_000_000_001);
        }
        assert_eq!(read_ack_subject("_INBOX.x"), None);
    }

    #[test]
    fn only_a_callers_own_inbox_is_answered() {
        let namespace: Namespace = "neptune".parse().unwrap();
        for (subject, accepted) in [
            ("_INBOX.abc.1", true),
            ("neptune.reply.support.1", true),
            ("neptune.reply.ingress.r1.2", true),
            ("neptune.reply.sales.1", false),
            ("neptune.task.finished.v1.support.api.x", false),
            ("$JS.API.STREAM.DELETE.X", false),
            ("_INBOX_executor.1", false),
            ("_INBOX.>", false),
            ("_INBOX.a b", false),
        ] {
            assert_eq!(is_inbox(&namespace, "support", subject), accepted, "{subject}");
        }
    }
}
