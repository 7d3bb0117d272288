//! Room for calls: whether a model stands another call, and may be given one, before it is made.
//!
//! Two gates. Each model's endpoint has a limit on calls at a time that this executor learns from its
//! answers, alone and at no cost. A model with `limits` has a book besides, which all executors keep in
//! common in a cell of the bus (`shared`): one write before a call and one after it, and those of calls
//! at the same moment together. Where there is no room urgent work comes first, and waits a little before
//! it goes on without.

mod shared;

use crate::domain::{
    concurrency::{Concurrency, Ended},
    room::{Full, NoRoom, UNTOLD_MS, Want, spare},
};
use neptune_bus::Bus;
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    ids::ReplicaId,
    names::Lane,
    resource::ModelSpec,
};
use shared::{Share, Shared};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Between two looks at what other executors gave back, which nobody tells.
const LOOK_AGAIN: Duration = Duration::from_millis(40);
/// Between two signs of life; a third of what it takes to be thought dead.
const BEAT: Duration = Duration::from_secs(2);

/// Room of all models.
pub struct Rooms {
    bus: Bus,
    me: ReplicaId,
    doors: Mutex<HashMap<String, Arc<Door>>>,
}

/// The way to one model.
struct Door {
    calls: Mutex<Calls>,
    /// Somebody left.
    left: Notify,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Calls {
    concurrency: Concurrency,
    in_flight: u64,
}

/// A place of one call. Dropping it gives it back.
pub struct Place {
    door: Arc<Door>,
    share: Option<Share>,
    entered_at: Timestamp,
    clock: Instant,
    /// Calls that were under way when it was taken, itself included.
    beside: u64,
}

/// An urgent call that waits, counted as such until it is dropped.
struct Waiting<'d>(&'d Door);

impl Rooms {
    /// Room of all models, for one process.
    #[must_use]
    pub fn new(bus: Bus) -> Self {
        Self { bus, me: ReplicaId::mint(), doors: Mutex::default() }
    }

    /// A place for a call of the model `name`, waited for no longer than `patience`.
    ///
    /// # Errors
    /// There is none, or what is used of it could not be read.
    pub async fn enter(
        &self,
        (name, model): (&str, &ModelSpec),
        want: Want,
        patience: Duration,
    ) -> Result<Place, NoRoom> {
        let door = self.door(name);
        let full = match Door::enter(&door, model, want).await {
            Ok(place) => return Ok(place),
            Err(full) => full,
        };
        let (began, mut full) = (Instant::now(), full);
        let _waiting = (want.lane == Lane::Realtime).then(|| Waiting::new(&door));
        while began.elapsed() < patience && !is_beyond(full, patience.saturating_sub(began.elapsed())) {
            let left = door.left.notified();
            tokio::time::timeout(LOOK_AGAIN, left).await.ok();
            match Door::enter(&door, model, want).await {
                Ok(place) => return Ok(place),
                Err(still) => full = still,
            }
        }
        Err(full)
    }

    /// Gives signs of life in the books, for ever.
    pub async fn beat(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            let doors: Vec<Arc<Door>> = lock(&self.doors).values().cloned().collect();
            for door in doors {
                door.shared.clone().beat().await;
            }
        }
    }

    fn door(&self, name: &str) -> Arc<Door> {
        let mut doors = lock(&self.doors);
        if let Some(door) = doors.get(name) {
            return door.clone();
        }
        let shared = Shared::new(self.bus.clone(), name.to_owned(), self.me);
        let door = Door { calls: Mutex::default(), left: Notify::new(), shared };
        doors.entry(name.to_owned()).or_insert(Arc::new(door)).clone()
    }
}

/// Whether calls may fail like this because too many are under way.
fn may_be_load(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Timeout | ErrorClass::Overload | ErrorClass::Network | ErrorClass::RateLimit)
}

/// Whether waiting so long is known to be in vain.
fn is_beyond(full: NoRoom, patience: Duration) -> bool {
    full.cause.is_until_known() && Duration::from_millis(full.for_ms) > patience
}

impl Door {
    fn is_awaited(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) > 0
    }

    async fn enter(door: &Arc<Self>, model: &ModelSpec, want: Want) -> Result<Place, NoRoom> {
        let beside = door.step_in(want.lane)?;
        let (entered_at, clock) = (Timestamp::now(), Instant::now());
        let mut place = Place { door: door.clone(), share: None, entered_at, clock, beside };
        if !model.limits.is_open() {
            place.share = Some(door.shared.clone().take(want, model.limits).await?);
        }
        Ok(place)
    }

    /// The calls under way with the one that steps in.
    fn step_in(&self, lane: Lane) -> Result<u64, NoRoom> {
        let mut calls = lock(&self.calls);
        let limit = calls.concurrency.limit();
        let refused = |cause| Err(NoRoom { for_ms: UNTOLD_MS, cause });
        if lane == Lane::Batch && self.is_awaited() {
            return refused(Full::UrgentFirst);
        }
        if calls.in_flight >= if lane == Lane::Batch { spare(limit) } else { limit } {
            return refused(Full::Endpoint);
        }
        calls.in_flight += 1;
        Ok(calls.in_flight)
    }
}

impl Place {
    /// Gives the place back and takes in how the call went.
    pub fn leave(mut self, attempt: &Attempt) {
        let class = attempt.error.as_ref().map(|error| error.class);
        // What says nothing about the endpoint's load is not taken in.
        if class.is_none_or(may_be_load) {
            let mut calls = lock(&self.door.calls);
            let ended = Ended {
                began_at: self.entered_at,
                latency_us: u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX),
                output_tokens: attempt.usage.output_total(),
                is_strained: class.is_some(),
                in_flight: calls.in_flight.max(self.beside),
            };
            calls.concurrency.ended(&ended);
        }
        if let Some(share) = self.share.take() {
            let usage = &attempt.usage;
            share.used(usage.input_total().saturating_add(usage.output_total()));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = lock(&self.door.calls);
        calls.in_flight = calls.in_flight.saturating_sub(1);
        drop(calls);
        self.door.left.notify_waiters();
    }
}

impl<'d> Waiting<'d> {
    fn new(door: &'d Door) -> Self {
        door.shared.waiting.fetch_add(1, Ordering::Relaxed);
        Self(door)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts stay right, whoever crashed while it held them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
