//! Live copies: every replica hears a fact as it is published, with no guarantee.

use crate::{Bus, BusError};
use futures::{Stream, StreamExt as _};
use neptune_contracts::Message;

impl Bus {
    /// Facts as they are published, to every listener. What is published while a process is away
    /// is not repeated to it; a durable consumer is for that.
    ///
    /// # Errors
    /// The subscription could not be made.
    pub async fn listen<M: Message>(&self) -> Result<impl Stream<Item = M> + Send + Unpin + use<M>, BusError> {
        let subject = self.namespace().wildcard(M::SUBJECT);
        let subscriber =
            self.inner.client.subscribe(subject).await.map_err(|error| BusError::new("listen to facts", error))?;
        let namespace = self.namespace().clone();
        Ok(Box::pin(subscriber.filter_map(move |raw| {
            let read = serde_json::from_slice::<M>(&raw.payload).ok().map(|mut message| {
                message.read_parameters(&namespace.parameters(M::SUBJECT, &raw.subject).unwrap_or_default());
                message
            });
            std::future::ready(read)
        })))
    }
}
