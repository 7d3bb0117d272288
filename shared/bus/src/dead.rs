//! Dead letters: kept whole, listed, and published again by an operator.

use crate::{Bus, BusError, Cause, Meta, PublishError, payload, publish::Draft};
use async_nats::HeaderMap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use neptune_contracts::{
    Message, Timestamp, admission::Task, dead::DeadLetter, headers, ids::TaskId, names::Service, task::TaskSubmitted,
    topology::StreamName,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A dead letter and where it lies.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its sequence in the `DEAD` stream, by which it is named.
    pub sequence: u64,
    /// The letter.
    pub letter: DeadLetter,
}

/// Why a dead letter could not be published again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such letter.
    #[error("there is no dead letter {0}")]
    Unknown(u64),
    /// The broker could not be asked.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Its body cannot be restored.
    #[error("the body of dead letter {0} cannot be restored: it is damaged, or it is not in the store of large bodies")]
    Body(u64),
    /// It could not be stored again.
    #[error("cannot publish the message again")]
    Publish(#[from] PublishError),
}

pub(crate) fn letter(
    service: Service,
    team: Option<String>,
    meta: &Meta,
    headers: Option<&HeaderMap>,
    body: &Bytes,
    reason: String,
) -> DeadLetter {
    DeadLetter {
        service,
        team: team.unwrap_or_else(|| "unknown".into()),
        subject: meta.subject.clone(),
        stream: meta.stream.clone(),
        sequence: meta.sequence,
        deliveries: meta.delivered,
        reason,
        at: Timestamp::now(),
        headers: headers.map(header_lists).unwrap_or_default(),
        body: BASE64_STANDARD.encode(body),
    }
}

fn header_lists(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let list = |values: &Vec<async_nats::HeaderValue>| values.iter().map(|value| value.as_str().to_owned()).collect();
    headers.iter().map(|(name, values)| (name.to_string(), list(values))).collect()
}

/// The newest `limit` dead letters, newest first.
///
/// # Errors
/// The broker could not be asked.
pub async fn list(bus: &Bus, limit: usize) -> Result<Vec<Stored>, BusError> {
    let action = "read the dead letters";
    let name = bus.namespace().resource(StreamName::Dead.as_str());
    let mut stream = bus.inner.context.get_stream(name).await.map_err(|error| BusError::new(action, error))?;
    let state = stream.info().await.map_err(|error| BusError::new(action, error))?.state.clone();
    let mut letters = Vec::new();
    for sequence in (state.first_sequence..=state.last_sequence).rev() {
        if letters.len() >= limit || state.messages == 0 {
            break;
        }
        letters.extend(get(bus, sequence).await?);
    }
    Ok(letters)
}

/// One dead letter; nothing when there is none of that sequence.
///
/// # Errors
/// The broker could not be asked.
pub async fn get(bus: &Bus, sequence: u64) -> Result<Option<Stored>, BusError> {
    let action = "read a dead letter";
    let name = bus.namespace().resource(StreamName::Dead.as_str());
    let stream = bus.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
    let Ok(stored) = stream.get_raw_message(sequence).await else { return Ok(None) };
    if bus.namespace().parameters(DeadLetter::SUBJECT, &stored.subject).is_none() {
        return Ok(None);
    }
    let body = payload::fetch(bus, Some(&stored.headers), stored.payload).await?;
    Ok(serde_json::from_slice(&body).ok().map(|letter| Stored { sequence, letter }))
}

/// Publishes the message of a dead letter again and removes the letter. A task that ended already
/// is submitted anew under a new id; a task that was lost between the stages starts from the
/// beginning. Returns the id of the task, when it is one.
///
/// # Errors
/// There is no such letter, or the broker did not store the message.
pub async fn replay(bus: &Bus, sequence: u64) -> Result<Option<TaskId>, ReplayError> {
    let Stored { letter, .. } = get(bus, sequence).await?.ok_or(ReplayError::Unknown(sequence))?;
    let body = body_of(bus, &letter).await.ok_or(ReplayError::Body(sequence))?;
    let (task, draft) = again(bus, sequence, &letter, body).await?;
    bus.store(&draft).await?;
    let name = bus.namespace().resource(StreamName::Dead.as_str());
    let action = "remove a dead letter";
    let stream = bus.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
    stream.delete_message(sequence).await.map_err(|error| BusError::new(action, error))?;
    Ok(task)
}

/// The body as it was; one that was not there when its message was given up may be by now.
async fn body_of(bus: &Bus, letter: &DeadLetter) -> Option<Vec<u8>> {
    let body = BASE64_STANDARD.decode(&letter.body).ok()?;
    let reference = letter.headers.get(headers::BODY_REFERENCE).and_then(|values| values.first());
    match reference.filter(|_| body.is_empty()) {
        None => Some(body),
        Some(name) => {
            let mut map = HeaderMap::new();
            map.insert(headers::BODY_REFERENCE, name.as_str());
            if let Some(store) = letter.headers.get(headers::BODY_STORE).and_then(|values| values.first()) {
                map.insert(headers::BODY_STORE, store.as_str());
            }
            payload::fetch(bus, Some(&map), Bytes::new()).await.ok().map(Into::into)
        }
    }
}

async fn again(
    bus: &Bus,
    sequence: u64,
    letter: &DeadLetter,
    body: Vec<u8>,
) -> Result<(Option<TaskId>, Draft), ReplayError> {
    let subject = bus.namespace().parameters(TaskSubmitted::SUBJECT, &letter.subject);
    let submitted = match subject {
        Some(parameters) => TaskSubmitted::decode(&body).ok().map(|mut task| {
            task.read_parameters(&parameters);
            task
        }),
        None => staged_task(&body).map(resubmitted),
    };
    if let Some(mut submitted) = submitted {
        let id = TaskId::mint();
        submitted.id = Some(id);
        let mut draft = bus.draft(&submitted, &Cause::root()).await?;
        draft.headers.insert(headers::REPLAY_OF, letter.sequence.to_string());
        return Ok((Some(id), draft));
    }
    let mut map = HeaderMap::new();
    for (name, values) in letter.headers.iter().filter(|(name, _)| keeps(name)) {
        for value in values {
            map.append(name.as_str(), value.as_str());
        }
    }
    map.insert(headers::MESSAGE_ID, format!("replay.{sequence}.{}", letter.at.unix_micros()));
    map.insert(headers::REPLAY_OF, letter.sequence.to_string());
    let body = payload::put_aside(bus, StreamName::Dead, body.into(), &mut map).await?;
    Ok((None, Draft { subject: letter.subject.clone(), headers: map, body }))
}

/// Headers that still hold when a message is published again.
fn keeps(name: &str) -> bool {
    let stale = [
        headers::ACK_TOKEN,
        headers::DELIVERY,
        headers::HANDED_OUT,
        headers::REPLY_TO,
        headers::HOP,
        headers::BODY_REFERENCE,
        headers::BODY_STORE,
        headers::MESSAGE_ID,
    ];
    !stale.contains(&name) && !name.starts_with("Nats-")
}

fn staged_task(body: &[u8]) -> Option<Task> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    serde_json::from_value(body.get_mut("task")?.take()).ok()
}

fn resubmitted(task: Task) -> TaskSubmitted {
    TaskSubmitted {
        id: Some(task.id),
        team: Some(task.team),
        origin: task.origin,
        key: task.key,
        input: task.input,
        task_type: task.task_type,
        constraints: task.constraints,
        output: task.output,
        deliver: task.deliver,
        step: task.step,
        metadata: task.metadata,
        fingerprint: task.fingerprint,
        warnings: Vec::new(),
    }
}
