//! Resources on the bus: written by the operator, followed live by every service.

use crate::{Bus, BusError};
use async_nats::jetstream::kv::{Entry, Operation, Store};
use futures::StreamExt as _;
use neptune_contracts::{
    resource::{Manifest, Resources},
    topology::CONFIG_BUCKET,
};
use neptune_runtime::Shutdown;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Pause before following again after the broker was lost.
const RETRY: Duration = Duration::from_millis(500);

impl Bus {
    /// The resources in force, complete when this returns and followed from then on. Waits for the
    /// bucket as long as it takes. A resource that cannot be read keeps its last good form.
    ///
    /// # Errors
    /// `shutdown` came first.
    pub async fn resources(&self, shutdown: &Shutdown) -> Result<watch::Receiver<Arc<Resources>>, BusError> {
        let (sender, mut receiver) = watch::channel(Arc::new(Resources::default()));
        let (ready, mut is_ready) = watch::channel(false);
        let (bus, stop) = (self.clone(), shutdown.clone());
        tokio::spawn(async move {
            stop.run_until_cancelled(bus.follow_for_ever(&sender, &ready)).await;
        });
        let waited = shutdown.run_until_cancelled(is_ready.wait_for(|ready| *ready)).await;
        if !matches!(waited, Some(Ok(_))) {
            return Err(BusError::new("read the resources", "stopped while waiting for them"));
        }
        receiver.mark_unchanged();
        Ok(receiver)
    }

    async fn follow_for_ever(&self, sender: &watch::Sender<Arc<Resources>>, ready: &watch::Sender<bool>) {
        loop {
            if let Err(error) = self.follow(sender, ready).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "resources cannot be followed yet, trying again"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn follow(
        &self,
        sender: &watch::Sender<Arc<Resources>>,
        ready: &watch::Sender<bool>,
    ) -> Result<(), BusError> {
        let action = "follow the resources";
        let store = self.config_store().await?;
        // Everything is read anew, so that a resource deleted meanwhile is gone.
        let mut resources = Resources::default();
        let mut complete = store.status().await.map_err(|error| BusError::new(action, error))?.values() == 0;
        let mut entries = store.watch_with_history(">").await.map_err(|error| BusError::new(action, error))?;
        if complete {
            publish(sender, ready, &resources);
        }
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| BusError::new(action, error))?;
            complete |= entry.delta == 0;
            take_in(&mut resources, entry);
            if complete {
                publish(sender, ready, &resources);
            }
        }
        Ok(())
    }

    async fn config_store(&self) -> Result<Store, BusError> {
        let bucket = self.namespace().resource(CONFIG_BUCKET);
        self.inner
            .context
            .get_key_value(bucket)
            .await
            .map_err(|error| BusError::new("open the bucket of resources", error))
    }

    /// Stores a resource and returns its revision. Checking it is the caller's duty.
    ///
    /// # Errors
    /// The broker did not store it.
    pub async fn put_resource(&self, manifest: &Manifest) -> Result<u64, BusError> {
        let action = "store a resource";
        let body = serde_json::to_vec(&manifest.spec).map_err(|error| BusError::new(action, error))?;
        let store = self.config_store().await?;
        store.put(escape(&manifest.key()), body.into()).await.map_err(|error| BusError::new(action, error))
    }

    /// Removes the resource stored under `key` (`model/openai/gpt-4.1`).
    ///
    /// # Errors
    /// The broker did not remove it.
    pub async fn delete_resource(&self, key: &str) -> Result<(), BusError> {
        self.config_store().await?.delete(escape(key)).await.map_err(|error| BusError::new("remove a resource", error))
    }

    /// The spec of every stored resource by key.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn stored_resources(&self) -> Result<BTreeMap<String, Value>, BusError> {
        let action = "read the resources";
        let store = self.config_store().await?;
        let mut specs = BTreeMap::new();
        if store.status().await.map_err(|error| BusError::new(action, error))?.values() == 0 {
            return Ok(specs);
        }
        let mut entries = store.watch_with_history(">").await.map_err(|error| BusError::new(action, error))?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| BusError::new(action, error))?;
            if entry.operation == Operation::Put {
                let spec = serde_json::from_slice(&entry.value).map_err(|error| BusError::new(action, error))?;
                specs.insert(unescape(&entry.key), spec);
            }
            if entry.delta == 0 {
                break;
            }
        }
        Ok(specs)
    }
}

fn publish(sender: &watch::Sender<Arc<Resources>>, ready: &watch::Sender<bool>, resources: &Resources) {
    sender.send_replace(Arc::new(resources.clone()));
    ready.send_replace(true);
}

fn take_in(resources: &mut Resources, entry: Entry) {
    let key = unescape(&entry.key);
    let Some((kind, name)) = key.split_once('/') else { return };
    resources.revision = entry.revision;
    if entry.operation != Operation::Put {
        resources.remove(kind, name);
        return;
    }
    let read = serde_json::from_slice(&entry.value).map_err(|error| error.to_string());
    if let Err(error) = read.and_then(|spec| resources.insert(kind, name, spec).map_err(|error| error.to_string())) {
        tracing::error!(key, error, "a stored resource is not readable; its last good form stays in force");
    }
}

/// Keys of the bucket know no colon; names do, and know no equals sign.
fn escape(key: &str) -> String {
    key.replace(':', "=")
}

fn unescape(key: &str) -> String {
    key.replace('=', ":")
}
