//! Streams, consumers, buckets: one idempotent step that verifies what the broker really stored.

use crate::{Bus, exhausted};
use async_nats::jetstream::{
    consumer::{AckPolicy as NatsAck, DeliverPolicy, pull},
    kv, object_store,
    stream::{Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType},
};
use neptune_contracts::{
    catalogue::CATALOGUE,
    topology::{
        ACCEPT_BACKOFF_SECONDS, AckPolicy, CONFIG_BUCKET, CONSUMERS, ConsumerSpec, LEASE_BUCKET, LISTENS_BUCKET,
        MAX_BODY_BYTES, PAYLOADS_STORE, RUN_PAYLOADS_STORE, Retention, SHARED_BUCKET, STARTED_BUCKET, STARTED_SECONDS,
        STARTS_BUCKET, STREAMS, Storage, StreamName, StreamSpec,
    },
};
use std::{collections::HashMap, time::Duration};

const DAY_SECONDS: u64 = 24 * 3600;
const PAYLOAD_AGE: Duration = Duration::from_secs(7 * DAY_SECONDS);
const CONFIG_HISTORY: i64 = 10;

/// Why the broker is not as the catalogue asks.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The broker refused.
    #[error("cannot create {name}")]
    Create {
        /// What was to be created.
        name: String,
        /// The cause.
        #[source]
        source: async_nats::Error,
    },
    /// The broker stored something else than was asked for.
    #[error(
        "{name} differs from what was asked for: {field} is {stored}, wanted {wanted}; is the broker at least 2.12?"
    )]
    Differs {
        /// What differs.
        name: String,
        /// In which field.
        field: &'static str,
        /// What the broker has.
        stored: String,
        /// What was asked for.
        wanted: String,
    },
}

/// Creates or updates everything the catalogue asks for, and checks it. Returns the names.
///
/// # Errors
/// The broker refused, or stored something else.
pub async fn apply(bus: &Bus) -> Result<Vec<String>, SetupError> {
    let mut names = Vec::new();
    for spec in STREAMS {
        names.push(apply_stream(bus, stream_config(bus, spec)).await?);
    }
    for spec in CONSUMERS {
        names.push(apply_consumer(bus, spec, bus.namespace().wildcard(spec.filter)).await?);
        if exhausted::can_exhaust(spec) {
            let reader = exhausted::reader(spec);
            names.push(apply_consumer(bus, &reader, exhausted::notice_subject(bus, spec)).await?);
        }
    }
    names.push(apply_stream(bus, lease_config(bus)).await?);
    names.push(apply_stream(bus, latest_config(bus, SHARED_BUCKET, Duration::ZERO)).await?);
    names.push(apply_stream(bus, latest_config(bus, STARTED_BUCKET, Duration::from_secs(STARTED_SECONDS))).await?);
    names.push(apply_stream(bus, kept_config(bus, LISTENS_BUCKET)).await?);
    names.push(apply_stream(bus, Config { allow_message_ttl: true, ..kept_config(bus, STARTS_BUCKET) }).await?);
    names.push(apply_config_bucket(bus).await?);
    names.push(apply_payload_store(bus, PAYLOADS_STORE, PAYLOAD_AGE).await?);
    // A body is stored before the message that refers to it.
    let runs = STREAMS.iter().find(|spec| spec.name == StreamName::Runs).map_or(0, |spec| spec.max_age_seconds);
    names.push(apply_payload_store(bus, RUN_PAYLOADS_STORE, Duration::from_secs(runs + DAY_SECONDS)).await?);
    Ok(names)
}

fn stream_config(bus: &Bus, spec: &StreamSpec) -> Config {
    let mut subjects: Vec<String> = CATALOGUE
        .iter()
        .filter(|entry| entry.stream == spec.name)
        .map(|entry| bus.namespace().wildcard(entry.subject))
        .collect();
    if spec.name == StreamName::Dead {
        subjects.extend(
            CONSUMERS
                .iter()
                .filter(|consumer| exhausted::can_exhaust(consumer))
                .map(|consumer| exhausted::notice_subject(bus, consumer)),
        );
    }
    Config {
        name: bus.namespace().resource(spec.name.as_str()),
        description: Some(spec.holds.into()),
        subjects,
        retention: match spec.retention {
            Retention::WorkQueue => RetentionPolicy::WorkQueue,
            Retention::Limits => RetentionPolicy::Limits,
        },
        storage: StorageType::File,
        persist_mode: persist_mode(spec.storage),
        discard: if spec.refuse_when_full { DiscardPolicy::New } else { DiscardPolicy::Old },
        discard_new_per_subject: spec.refuse_when_full && spec.max_messages_per_subject > 1,
        max_messages_per_subject: spec.max_messages_per_subject,
        max_messages: -1,
        max_bytes: spec.max_bytes,
        max_age: Duration::from_secs(spec.max_age_seconds),
        duplicate_window: Duration::from_secs(spec.duplicate_window_seconds),
        allow_direct: spec.direct,
        allow_message_schedules: spec.name.has_schedules(),
        num_replicas: 1,
        ..Config::default()
    }
}

fn persist_mode(storage: Storage) -> Option<PersistenceMode> {
    match storage {
        Storage::Synced => None,
        Storage::Lazy => Some(PersistenceMode::Async),
    }
}

/// A bucket of the newest value of each key, stored lazily, of so many bytes.
fn bucket_config(bus: &Bus, bucket: &str, max_bytes: i64) -> Config {
    let bucket = bus.namespace().resource(bucket);
    Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        storage: StorageType::File,
        persist_mode: persist_mode(Storage::Lazy),
        max_messages_per_subject: 1,
        max_messages: -1,
        max_bytes,
        allow_direct: true,
        num_replicas: 1,
        ..Config::default()
    }
}

/// A bucket whose entries expire one by one; stored lazily, because a lost lease is taken again.
fn lease_config(bus: &Bus) -> Config {
    let bucket = bucket_config(bus, LEASE_BUCKET, 64 * 1024 * 1024);
    Config { discard: DiscardPolicy::New, allow_message_ttl: true, ..bucket }
}

/// A bucket of the latest value of each key; when it is full the oldest go.
fn latest_config(bus: &Bus, bucket: &str, max_age: Duration) -> Config {
    let bucket = bucket_config(bus, bucket, 256 * 1024 * 1024);
    Config { discard: DiscardPolicy::Old, max_age, ..bucket }
}

/// A bucket whose values count only once they are stored, and of which none may be dropped.
fn kept_config(bus: &Bus, bucket: &str) -> Config {
    Config {
        persist_mode: persist_mode(Storage::Synced),
        discard: DiscardPolicy::New,
        ..latest_config(bus, bucket, Duration::ZERO)
    }
}

async fn apply_stream(bus: &Bus, wanted: Config) -> Result<String, SetupError> {
    let name = wanted.name.clone();
    let stored = bus
        .inner
        .context
        .create_or_update_stream(wanted.clone())
        .await
        .map_err(|error| create_error(&name, error))?
        .config;
    let mut stored_subjects = stored.subjects.clone();
    let mut wanted_subjects = wanted.subjects.clone();
    stored_subjects.sort();
    wanted_subjects.sort();
    same(&name, "subjects", &stored_subjects, &wanted_subjects)?;
    same(&name, "retention", &stored.retention, &wanted.retention)?;
    same(&name, "storage", &stored.storage, &wanted.storage)?;
    same(&name, "persist_mode", &stored.persist_mode, &wanted.persist_mode)?;
    same(&name, "discard", &stored.discard, &wanted.discard)?;
    same(&name, "discard_new_per_subject", &stored.discard_new_per_subject, &wanted.discard_new_per_subject)?;
    same(&name, "max_age", &stored.max_age, &wanted.max_age)?;
    same(&name, "max_bytes", &stored.max_bytes, &wanted.max_bytes)?;
    same(&name, "max_msgs_per_subject", &stored.max_messages_per_subject, &wanted.max_messages_per_subject)?;
    same(&name, "allow_msg_ttl", &stored.allow_message_ttl, &wanted.allow_message_ttl)?;
    same(&name, "allow_msg_schedules", &stored.allow_message_schedules, &wanted.allow_message_schedules)?;
    same(&name, "allow_direct", &stored.allow_direct, &wanted.allow_direct)?;
    Ok(name)
}

fn consumer_config(spec: &ConsumerSpec, filter_subject: String) -> pull::Config {
    let guarded = spec.ack == AckPolicy::Guarded;
    let travels = spec.ack == AckPolicy::Travels;
    pull::Config {
        durable_name: Some(spec.name.into()),
        description: Some(format!("{} reads {}", spec.service, spec.filter)),
        deliver_policy: DeliverPolicy::All,
        ack_policy: if guarded { NatsAck::None } else { NatsAck::Explicit },
        ack_wait: Duration::from_secs(if guarded { 0 } else { spec.ack_wait_seconds }),
        backoff: if travels {
            ACCEPT_BACKOFF_SECONDS.iter().map(|seconds| Duration::from_secs(*seconds)).collect()
        } else {
            Vec::new()
        },
        max_deliver: if guarded { 0 } else { spec.max_deliver },
        max_ack_pending: if guarded { 0 } else { spec.max_ack_pending },
        filter_subject,
        metadata: HashMap::new(),
        ..pull::Config::default()
    }
}

async fn apply_consumer(bus: &Bus, spec: &ConsumerSpec, filter_subject: String) -> Result<String, SetupError> {
    let stream = bus.namespace().resource(spec.stream.as_str());
    let name = format!("{stream}/{}", spec.name);
    let wanted = consumer_config(spec, filter_subject);
    let mut created = bus
        .inner
        .context
        .create_consumer_on_stream(wanted.clone(), stream)
        .await
        .map_err(|error| create_error(&name, error))?;
    // Asked for anew: a broker that was restarted answers its first update with what it had read from its disk.
    let stored = &created.info().await.map_err(|error| create_error(&name, error))?.config;
    same(&name, "filter_subject", &stored.filter_subject, &wanted.filter_subject)?;
    same(&name, "ack_policy", &stored.ack_policy, &wanted.ack_policy)?;
    same(&name, "backoff", &stored.backoff, &wanted.backoff)?;
    if spec.ack != AckPolicy::Guarded {
        same(&name, "ack_wait", &stored.ack_wait, &wanted.ack_wait)?;
        same(&name, "max_deliver", &stored.max_deliver, &wanted.max_deliver)?;
        same(&name, "max_ack_pending", &stored.max_ack_pending, &wanted.max_ack_pending)?;
    }
    Ok(name)
}

async fn apply_config_bucket(bus: &Bus) -> Result<String, SetupError> {
    let bucket = bus.namespace().resource(CONFIG_BUCKET);
    let config = kv::Config {
        bucket: bucket.clone(),
        history: CONFIG_HISTORY,
        description: "resources".into(),
        ..kv::Config::default()
    };
    bus.inner.context.create_or_update_key_value(config).await.map_err(|error| create_error(&bucket, error))?;
    Ok(bucket)
}

async fn apply_payload_store(bus: &Bus, store: &str, max_age: Duration) -> Result<String, SetupError> {
    let bucket = bus.namespace().resource(store);
    if bus.inner.context.get_object_store(&bucket).await.is_ok() {
        return Ok(bucket);
    }
    let config = object_store::Config {
        bucket: bucket.clone(),
        description: Some(format!("bodies above the inline limit, up to {MAX_BODY_BYTES} bytes")),
        max_age,
        ..object_store::Config::default()
    };
    bus.inner.context.create_object_store(config).await.map_err(|error| create_error(&bucket, error))?;
    Ok(bucket)
}

fn create_error(name: &str, source: impl Into<async_nats::Error>) -> SetupError {
    SetupError::Create { name: name.into(), source: source.into() }
}

fn same<T: PartialEq + std::fmt::Debug>(
    name: &str,
    field: &'static str,
    stored: &T,
    wanted: &T,
) -> Result<(), SetupError> {
    if stored == wanted {
        return Ok(());
    }
    Err(SetupError::Differs { name: name.into(), field, stored: format!("{stored:?}"), wanted: format!("{wanted:?}") })
}
