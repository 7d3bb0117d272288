//! Reading stored facts again from the beginning, in the order in which they were stored, for a service
//! that lost what it had made of them. Durable consumers go on undisturbed.

use crate::{Bus, BusError, envelope::read_ack_subject, payload};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::{Stream, StreamExt as _};
use neptune_contracts::{Message, Timestamp};

/// A stored fact.
#[derive(Clone, Debug)]
pub struct Stored<M> {
    /// The fact.
    pub message: M,
    /// When the broker stored it.
    pub stored_at: Timestamp,
}

/// The end of what was stored when the reading began.
#[derive(Clone, Copy)]
struct End {
    last: u64,
    action: &'static str,
}

impl Bus {
    /// The facts of one kind that are stored now, oldest first, but not those more than `most` messages
    /// of their stream ago. What cannot be read is left out. Ends with the last one that was there when
    /// it began; a reader that gives up on a broker that falls silent must say when.
    ///
    /// # Errors
    /// The broker could not be asked; in the stream, it was lost on the way.
    pub async fn stored<M: Message>(
        &self,
        most: u64,
    ) -> Result<impl Stream<Item = Result<Stored<M>, BusError>> + Send + Unpin + use<M>, BusError> {
        let action = "read stored facts again";
        let name = self.namespace().resource(M::STREAM.as_str());
        let stream = self.inner.context.get_stream(name).await.map_err(|error| BusError::new(action, error))?;
        let state = stream.cached_info().state.clone();
        let first = state.first_sequence.max(state.last_sequence.saturating_sub(most)).max(1);
        let config = pull::OrderedConfig {
            filter_subject: self.namespace().wildcard(M::SUBJECT),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| BusError::new(action, error))?;
        let is_empty = consumer.cached_info().num_pending == 0;
        let raws = consumer.messages().await.map_err(|error| BusError::new(action, error))?;
        let (bus, end) = (self.clone(), End { last: state.last_sequence, action });
        let begun = (!is_empty).then_some(raws);
        let read = futures::stream::unfold(begun, move |left| {
            let bus = bus.clone();
            async move {
                let mut raws = left?;
                let raw = raws.next().await?;
                let (read, is_last) = read::<M>(&bus, raw.map_err(|error| BusError::new(end.action, error)), end).await;
                Some((read, (!is_last).then_some(raws)))
            }
        });
        Ok(Box::pin(read.filter_map(|read| std::future::ready(read.transpose()))))
    }
}

/// The fact where it can be read, and whether it is the last.
async fn read<M: Message>(
    bus: &Bus,
    raw: Result<async_nats::jetstream::Message, BusError>,
    end: End,
) -> (Result<Option<Stored<M>>, BusError>, bool) {
    let raw = match raw {
        Ok(raw) => raw.message,
        Err(error) => return (Err(error), true),
    };
    let Some(reply) = raw.reply.as_ref() else { return (Ok(None), false) };
    let Some((_, _, sequence, stored_at)) = read_ack_subject(reply) else { return (Ok(None), false) };
    let is_last = sequence >= end.last || pending(reply) == Some(0);
    let subject = raw.subject.to_string();
    let body = payload::fetch(bus, raw.headers.as_ref(), raw.payload).await;
    let message = body.ok().and_then(|body| M::decode(&body).ok()).map(|mut message| {
        message.read_parameters(&bus.namespace().parameters(M::SUBJECT, &subject).unwrap_or_default());
        message
    });
    (Ok(message.map(|message| Stored { message, stored_at })), is_last)
}

/// How many messages the broker has after this one, by its ack subject.
fn pending(reply: &str) -> Option<u64> {
    let tokens: Vec<&str> = reply.split('.').collect();
    tokens.get(if tokens.len() > 9 { 10 } else { 8 })?.parse().ok()
}
