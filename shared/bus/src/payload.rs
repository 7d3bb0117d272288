//! Bodies too large for a message: they travel by reference to an object named by their SHA-256.

use crate::{Bus, BusError, PublishError};
use async_nats::{HeaderMap, jetstream::object_store::ObjectStore};
use bytes::Bytes;
use neptune_contracts::{
    headers,
    topology::{
        MAX_BODY_BYTES, MAX_INLINE_BODY_BYTES, MAX_INLINE_LOG_BYTES, PAYLOADS_STORE, RUN_PAYLOADS_STORE, StreamName,
    },
};
use ring::digest;
use std::fmt::Write as _;
use tokio::io::AsyncReadExt as _;

/// Where a large body lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// For some days, which what passes through needs at most.
    Passing,
    /// As long as runs are kept.
    OfRuns,
}

impl Store {
    fn of_stream(stream: StreamName) -> Self {
        if stream == StreamName::Runs { Self::OfRuns } else { Self::Passing }
    }

    /// Whoever wrote the headers cannot name any other store.
    fn named(headers: Option<&HeaderMap>) -> Self {
        let named = headers.and_then(|headers| headers.get(headers::BODY_STORE));
        if named.is_some_and(|named| named.as_str() == RUN_PAYLOADS_STORE) { Self::OfRuns } else { Self::Passing }
    }
}

/// Puts a large body into the object store and leaves its name in the headers; returns what goes
/// into the message.
pub(crate) async fn put_aside(
    bus: &Bus,
    stream: StreamName,
    body: Bytes,
    headers: &mut HeaderMap,
) -> Result<Bytes, PublishError> {
    let stays = matches!(stream, StreamName::Runs | StreamName::Batches);
    let most = if stays { MAX_INLINE_LOG_BYTES } else { MAX_INLINE_BODY_BYTES };
    if body.len() <= most {
        return Ok(body);
    }
    // Rare, and a large future: kept out of every handler's own.
    Box::pin(store_body(bus, Store::of_stream(stream), body, headers)).await
}

async fn store_body(bus: &Bus, store: Store, body: Bytes, headers: &mut HeaderMap) -> Result<Bytes, PublishError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(PublishError::TooLarge { size: body.len(), limit: MAX_BODY_BYTES });
    }
    let name = sha256_hex(&body);
    let objects = bus.payloads(store).await.map_err(PublishError::Payload)?;
    // The name says what is in it, so an object that is there needs no second copy.
    if objects.info(&name).await.is_err() {
        objects
            .put(name.as_str(), &mut body.as_ref())
            .await
            .map_err(|error| PublishError::Payload(BusError::new("store a large body", error)))?;
    }
    headers.insert(headers::BODY_REFERENCE, name.as_str());
    if store == Store::OfRuns {
        headers.insert(headers::BODY_STORE, RUN_PAYLOADS_STORE);
    }
    Ok(Bytes::new())
}

/// The body of a message, fetched when it travels by reference and checked against its name.
pub(crate) async fn fetch(bus: &Bus, headers: Option<&HeaderMap>, body: Bytes) -> Result<Bytes, BusError> {
    let Some(name) = headers.and_then(|headers| headers.get(headers::BODY_REFERENCE)) else {
        return Ok(body);
    };
    Box::pin(fetch_body(bus, Store::named(headers), name.as_str())).await
}

async fn fetch_body(bus: &Bus, store: Store, name: &str) -> Result<Bytes, BusError> {
    let action = "fetch a large body";
    let mut object = bus.payloads(store).await?.get(name).await.map_err(|error| BusError::new(action, error))?;
    if object.info().size > MAX_BODY_BYTES {
        return Err(BusError::new(action, "it is larger than the limit"));
    }
    let mut fetched = Vec::with_capacity(object.info().size);
    object.read_to_end(&mut fetched).await.map_err(|error| BusError::new(action, error))?;
    if sha256_hex(&fetched) != name {
        return Err(BusError::new(action, "its content does not match its name"));
    }
    Ok(fetched.into())
}

impl Bus {
    async fn payloads(&self, store: Store) -> Result<&ObjectStore, BusError> {
        let (opened, name) = match store {
            Store::Passing => (&self.inner.payloads, PAYLOADS_STORE),
            Store::OfRuns => (&self.inner.run_payloads, RUN_PAYLOADS_STORE),
        };
        let open = || async {
            let name = self.namespace().resource(name);
            self.inner
                .context
                .get_object_store(name)
                .await
                .map_err(|error| BusError::new("open the store of large bodies", error))
        };
        opened.get_or_try_init(open).await
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _written = write!(hex, "{byte:02x}");
        hex
    })
}
