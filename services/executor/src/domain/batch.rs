//! Tasks that wait for a batch: which, in which collection, put together how, and what an item comes to.

pub mod api;

use super::{
    answer::Answer,
    failure::{Billed, Failure},
    record,
    step::{self, Progress, Step},
};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, BATCH, ErrorClass},
    batch::{BatchItem, BatchMember, BatchTimer, Collection},
    names::{Lane, Origin, Zone},
    plan::{Strategy, TaskRouted},
    resource::ModelSpec,
};

/// A larger input is no item: items are kept whole until their batch is done.
pub const LARGEST_ITEM_BYTES: usize = 256 * 1024;
/// A batch is held in memory while it is sent.
const LARGEST_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Items of a collection that are in batches at a time: what is known of them is one message.
const MOST_MEMBERS: usize = 4_000;
/// A batch that cannot be made for so long is given up.
const MAKE_WITHIN_MS: i64 = 15 * 60 * 1_000;
/// A batch may take so much longer than it should.
const OVERDUE_MS: i64 = 3_600_000;
/// Besides the time of a call, so much is left of a deadline when a batch is not waited for any more.
const RESERVE_MS: u64 = 10_000;
/// An ordinary call is given so long there at most.
const CALL_MS: u64 = 120_000;

/// The collection that a task joins at `now`, whose plan begins with `model` and whose input has so many bytes;
/// nothing when it is called in the ordinary way.
#[must_use]
pub fn collection(
    routed: &TaskRouted,
    (model, zones): (&ModelSpec, &[Zone]),
    input_bytes: usize,
    now: Timestamp,
) -> Option<Collection> {
    let task = &routed.task;
    let spec = model.batch.filter(|batch| batch.enabled && !model.disabled)?;
    api::of(model.provider)?;
    let is_plain = task.input.stream != Some(true) && task.input.embedding.is_none();
    let is_small = input_bytes <= LARGEST_ITEM_BYTES;
    let in_turn = matches!(routed.plan.strategy, Strategy::Single | Strategy::Fallback);
    // What is compared with served answers must not be later than they.
    let is_asked = task.constraints.lane == Lane::Batch && task.origin != Origin::Shadow;
    let was_item = task.attempts_before().iter().any(|attempt| attempt.purpose.as_deref() == Some(BATCH));
    if !(is_plain && is_small && in_turn && is_asked) || was_item || !routed.attempts_made.is_empty() {
        return None;
    }
    let nothing = Progress { made: &[], begun: 0, is_told: false };
    let Step::Attempt(planned) = step::next(routed, &nothing, zones, now) else { return None };
    let collection = Collection::open(planned.zone, &planned.model, spec.max_wait_seconds, now);
    let done_at = collection.closes_at().plus_millis(i64::from(spec.within_seconds) * 1_000);
    let in_time = task.constraints.deadline.is_none_or(|deadline| deadline >= done_at);
    let holds = routed.admission.expires_at > collection.closes_at();
    (model.zone == planned.zone && in_time && holds).then_some(collection)
}

/// A member of a batch to be, and the bytes of its input.
pub type Weighed = (BatchMember, usize);

/// Items in batches of so many, beside `taken` of the collection that are in batches already. Until it is closed
/// only full ones are made.
#[must_use]
pub fn batches(items: Vec<Weighed>, (most, taken): (u32, usize), is_closed: bool) -> Vec<Vec<BatchMember>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
    let (mut batches, mut open, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for (member, size) in items.into_iter().take(MOST_MEMBERS.saturating_sub(taken)) {
        if open.len() >= most || (bytes.saturating_add(size) > LARGEST_BATCH_BYTES && !open.is_empty()) {
            batches.push(std::mem::take(&mut open));
            bytes = 0;
        }
        open.push(member);
        bytes = bytes.saturating_add(size);
    }
    if (is_closed && !open.is_empty()) || open.len() >= most {
        batches.push(open);
    }
    batches
}

/// Whether a batch that was planned then and could not be made is given up.
#[must_use]
pub fn is_unmakeable(planned_at: Timestamp, now: Timestamp) -> bool {
    now > planned_at.plus_millis(MAKE_WITHIN_MS)
}

/// Whether a batch that the provider has since then should long be done.
#[must_use]
pub fn is_overdue(since: Timestamp, within_seconds: u32, now: Timestamp) -> bool {
    now > since.plus_millis(i64::from(within_seconds) * 1_000 + OVERDUE_MS)
}

/// Whether just the time for an ordinary call is left of an item's deadline, when the next look is so far away.
#[must_use]
pub fn is_running_out(deadline: Option<Timestamp>, (call_ms, poll_seconds): (u64, u32), now: Timestamp) -> bool {
    let least_ms = call_ms.min(CALL_MS) + u64::from(poll_seconds) * 1_000 + RESERVE_MS;
    deadline.is_some_and(|deadline| deadline.micros_since(now) / 1_000 < least_ms)
}

/// The next looks at a collection in which something `waits`: when it closes, and as often as is asked for, at the
/// same moments for whoever looks.
#[must_use]
pub fn looks(
    collection: &Collection,
    (in_batches, waits): (bool, bool),
    poll_seconds: u32,
    now: Timestamp,
) -> Vec<BatchTimer> {
    let closes_at = collection.closes_at();
    let mut looks = Vec::new();
    if waits && now < closes_at {
        looks.push(closing(collection));
    }
    if in_batches || (waits && now >= closes_at) {
        let every = i64::from(poll_seconds.max(1));
        let seconds = (now.unix_seconds().div_euclid(every) + 1) * every;
        let due_at = Timestamp::from_unix_micros(seconds.saturating_mul(1_000_000)).unwrap_or(now);
        looks.push(BatchTimer { collection: collection.clone(), timer: format!("at-{seconds}"), due_at });
    }
    looks
}

/// The look when it closes.
#[must_use]
pub fn closing(collection: &Collection) -> BatchTimer {
    BatchTimer { collection: collection.clone(), timer: "close".to_owned(), due_at: collection.closes_at() }
}

/// The record of an item that ended at `now`, at the prices of batches.
#[must_use]
pub fn attempt(
    item: &BatchItem,
    model: Option<&ModelSpec>,
    result: &Result<Answer, Failure>,
    now: Timestamp,
) -> Option<Attempt> {
    let planned = item.routed.plan.attempts.first()?;
    let percent = model.and_then(|model| model.batch).map_or(100, |batch| batch.price_percent);
    let model = model.map(|model| ModelSpec { price: model.price.percent(percent), ..model.clone() });
    let call = record::Call {
        id: item.attempt,
        planned,
        model: model.as_ref(),
        purpose: Some(BATCH),
        started_at: item.collected_at,
        latency_us: now.micros_since(item.collected_at),
    };
    Some(record::attempt(&call, &item.routed.task.input, result))
}

/// The failure of an item that was in a batch which is not waited for any more.
#[must_use]
pub fn late() -> Failure {
    Failure::new(ErrorClass::Timeout, "its batch was not done in time").billed(Billed::Perhaps)
}

/// The failure of an item whose batch ended without any results.
#[must_use]
pub fn unbegun() -> Failure {
    Failure::new(ErrorClass::Overload, "its batch failed before anything of it was begun")
}

/// The failure of an item that its batch said nothing of.
#[must_use]
pub fn missing() -> Failure {
    Failure::new(ErrorClass::Malformed, "its batch ended without a word of it").billed(Billed::Perhaps)
}

/// Whether what failed so may be tried again a little later.
#[must_use]
pub fn passes(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::RateLimit
            | ErrorClass::Timeout
            | ErrorClass::Overload
            | ErrorClass::Malformed
            | ErrorClass::Network
            | ErrorClass::Cancelled
    )
}

#[cfg(test)]
mod tests;
