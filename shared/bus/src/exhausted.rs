//! Messages that the broker stopped handing out: they killed the process that handled them until
//! their deliveries were used up. The broker keeps such a message in its stream, invisible and
//! counted against the limits, and says so once. This mover turns that notice into a dead letter,
//! ends the task it was, and frees the stream.

use crate::{Bus, pull::Pull, settle};
use neptune_contracts::{
    Message, Timestamp,
    delivery::{DeliveryAdmitted, DeliveryRequested},
    parked::TaskResumed,
    task::TaskSubmitted,
    topology::{AckPolicy, ConsumerSpec, StreamName},
};
use neptune_runtime::Shutdown;
use serde::Deserialize;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The broker's notice.
#[derive(Deserialize)]
struct Notice {
    stream: String,
    stream_seq: u64,
    deliveries: u64,
}

/// The subject of the broker's notices about a consumer.
pub(crate) fn notice_subject(bus: &Bus, spec: &ConsumerSpec) -> String {
    format!(
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{}.{}",
        bus.namespace().resource(spec.stream.as_str()),
        spec.name
    )
}

/// Whether a consumer ever stops handing a message out.
pub(crate) fn can_exhaust(spec: &ConsumerSpec) -> bool {
    spec.max_deliver > 0
}

/// The consumer that reads the notices about `spec`.
pub(crate) fn reader(spec: &ConsumerSpec) -> ConsumerSpec {
    // Consumer names are static in the catalogue; the reader's follows from one of them.
    let name = match spec.name {
        "governance-submitted" => "governance-submitted-exhausted",
        "governance-resumed" => "governance-resumed-exhausted",
        "governance-delivery" => "governance-delivery-exhausted",
        "notifier-webhook" => "notifier-webhook-exhausted",
        _ => "notifier-email-exhausted",
    };
    ConsumerSpec {
        name,
        stream: StreamName::Dead,
        ack: AckPolicy::Explicit,
        ack_wait_seconds: 30,
        max_deliver: -1,
        ..*spec
    }
}

/// Moves what is exhausted, in the background, until `shutdown`.
pub(crate) fn start(bus: &Bus, spec: &'static ConsumerSpec, shutdown: &Shutdown) -> JoinHandle<()> {
    let (bus, shutdown) = (bus.clone(), shutdown.clone());
    tokio::spawn(async move {
        if can_exhaust(spec) {
            shutdown.run_until_cancelled(Box::pin(watch(&bus, spec))).await;
        }
    })
}

async fn watch(bus: &Bus, spec: &'static ConsumerSpec) {
    let reader = reader(spec);
    let Ok(mut pull) = Pull::open(bus, &reader).await else { return };
    while let Some(raw) = pull.next(8).await {
        let Some(reply) = raw.reply.as_ref().map(ToString::to_string) else { continue };
        let word = match serde_json::from_slice::<Notice>(&raw.payload) {
            Err(error) => {
                tracing::error!(%error, "a notice of the broker is not readable");
                "+ACK".to_owned()
            }
            Ok(notice) => match move_one(bus, spec, &notice).await {
                Ok(()) => "+ACK".to_owned(),
                Err(error) => {
                    tracing::warn!(error = &*error as &dyn std::error::Error, "cannot move an exhausted message yet");
                    settle::nak(Duration::from_secs(2))
                }
            },
        };
        settle::tell(bus, &reply, &word).await;
    }
}

async fn move_one(bus: &Bus, spec: &'static ConsumerSpec, notice: &Notice) -> Result<(), async_nats::Error> {
    let stream = bus.inner.context.get_stream_no_info(&notice.stream).await?;
    let Ok(stored) = stream.get_raw_message(notice.stream_seq).await else {
        // Finished meanwhile, or moved by another replica.
        return Ok(());
    };
    let raw = async_nats::Message {
        subject: stored.subject.clone(),
        reply: Some(ack_subject(spec, notice).into()),
        payload: stored.payload.clone(),
        headers: Some(stored.headers.clone()),
        status: None,
        description: None,
        length: 0,
    };
    let reason = format!("handed out {} times without being finished", notice.deliveries);
    if spec.name == neptune_contracts::topology::GOVERNANCE_SUBMITTED.name {
        give_up::<TaskSubmitted>(bus, spec, raw, reason).await?;
    } else if spec.name == neptune_contracts::topology::GOVERNANCE_RESUMED.name {
        give_up::<TaskResumed>(bus, spec, raw, reason).await?;
    } else if spec.name == neptune_contracts::topology::GOVERNANCE_DELIVERY.name {
        give_up::<DeliveryRequested>(bus, spec, raw, reason).await?;
    } else {
        give_up::<DeliveryAdmitted>(bus, spec, raw, reason).await?;
    }
    stream.delete_message(notice.stream_seq).await?;
    Ok(())
}

async fn give_up<M: Message>(
    bus: &Bus,
    spec: &ConsumerSpec,
    raw: async_nats::Message,
    reason: String,
) -> Result<(), async_nats::Error> {
    let arrival = settle::Arrival::read::<M>(bus, spec, raw).ok_or("the notice names no message")?;
    if settle::keep_and_answer::<M>(bus, &arrival, reason).await {
        Ok(())
    } else {
        Err("could not store a dead letter".into())
    }
}

/// The ack subject the message would have been handed out with.
fn ack_subject(spec: &ConsumerSpec, notice: &Notice) -> String {
    let nanos = u64::try_from(Timestamp::now().unix_micros()).unwrap_or(0) * 1_000;
    format!("$JS.ACK.{}.{}.{}.{}.0.{nanos}.0", notice.stream, spec.name, notice.deliveries, notice.stream_seq)
}
