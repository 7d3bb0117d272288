//! The book of one model, which all executors keep in a cell of the bus.
//!
//! Whatever this process wants of it at a time is settled by one write. A write that somebody else was
//! faster than is made again on what they wrote.

use super::lock;
use crate::domain::room::{Book, Full, Heard, Holder, NoRoom, Taken, UNTOLD_MS, Want};
use neptune_bus::{Bus, BusError};
use neptune_contracts::{Timestamp, ids::ReplicaId, names::Lane, resource::LimitsSpec};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

/// Writes that others were faster than, before a call is told that there is no room.
const TRIES: u32 = 20;

/// The book, as this process knows and changes it.
pub(super) struct Shared {
    bus: Bus,
    model: String,
    me: ReplicaId,
    began: Instant,
    /// Urgent calls that wait here.
    pub(super) waiting: AtomicU64,
    /// What is to be settled by the next write.
    open: Mutex<Open>,
    known: AsyncMutex<Known>,
}

#[derive(Default)]
struct Open {
    asks: Vec<Ask>,
    returns: Vec<Return>,
    is_beat: bool,
}

struct Ask {
    want: Want,
    limits: LimitsSpec,
    answer: oneshot::Sender<Result<Share, NoRoom>>,
}

#[derive(Clone, Copy)]
struct Return {
    taken: Taken,
    used: Option<u64>,
}

#[derive(Default)]
struct Known {
    book: Book,
    revision: u64,
    /// Calls of this process under way, whatever others wrote of it.
    calls: u64,
    /// Its last sign of life.
    beat: u64,
    heard: Heard,
}

/// Room of one call. Dropping it gives it back.
pub(super) struct Share {
    shared: Arc<Shared>,
    taken: Taken,
    used: Option<u64>,
}

impl Share {
    /// Gives it back after a call that used so many tokens.
    pub(super) fn used(mut self, tokens: u64) {
        self.used = Some(tokens);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        lock(&self.shared.open).returns.push(Return { taken: self.taken, used: self.used });
        // A process that ends is thought dead a little later.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.shared.clone().settle());
        }
    }
}

impl Shared {
    pub(super) fn new(bus: Bus, model: String, me: ReplicaId) -> Arc<Self> {
        let (open, known) = (Mutex::default(), AsyncMutex::default());
        Arc::new(Self { bus, model, me, began: Instant::now(), waiting: AtomicU64::new(0), open, known })
    }

    /// Takes room for one call.
    pub(super) async fn take(self: Arc<Self>, want: Want, limits: LimitsSpec) -> Result<Share, NoRoom> {
        let (answer, answered) = oneshot::channel();
        lock(&self.open).asks.push(Ask { want, limits, answer });
        // On its own, because whoever asks may be cut at any time, and others may be settled with it.
        tokio::spawn(self.settle());
        answered.await.unwrap_or(Err(NoRoom { for_ms: UNTOLD_MS, cause: Full::Unknown }))
    }

    /// Gives a sign of life, where there is something to keep.
    pub(super) async fn beat(self: Arc<Self>) {
        {
            let known = self.known.lock().await;
            if known.calls == 0 && !known.book.holders.contains_key(&self.me) {
                return;
            }
        }
        lock(&self.open).is_beat = true;
        self.settle().await;
    }

    /// Settles what is open by one write, urgent work first.
    async fn settle(self: Arc<Self>) {
        let mut known = self.known.lock().await;
        let mut open = std::mem::take(&mut *lock(&self.open));
        if open.asks.is_empty() && open.returns.is_empty() && !open.is_beat {
            return;
        }
        open.asks.sort_by_key(|ask| ask.want.lane == Lane::Batch);
        let asked: Vec<(Want, LimitsSpec)> = open.asks.iter().map(|ask| (ask.want, ask.limits)).collect();
        match self.write(&mut known, &open, &asked).await {
            Ok(verdicts) => {
                for (ask, verdict) in open.asks.into_iter().zip(verdicts) {
                    let share = verdict.map(|taken| Share { shared: self.clone(), taken, used: None });
                    // Who does not wait any more drops the share, which gives it back.
                    ask.answer.send(share).ok();
                }
            }
            Err(error) => {
                tracing::warn!(
                    model.id = self.model,
                    error = &error as &dyn std::error::Error,
                    "what is used of a model could not be settled, trying again"
                );
                // Nobody is answered: their room is unknown. What was to be given back still is.
                lock(&self.open).returns.append(&mut open.returns);
                lock(&self.open).is_beat = true;
            }
        }
    }

    async fn write(
        &self,
        known: &mut Known,
        open: &Open,
        asked: &[(Want, LimitsSpec)],
    ) -> Result<Vec<Result<Taken, NoRoom>>, BusError> {
        let mut is_read = false;
        for tries in 0..TRIES {
            let turn = self.turn(known, open, asked);
            // What is known may be old: others give back without telling.
            let is_refused = turn.verdicts.iter().flatten().count() < asked.len();
            if !is_read && is_refused {
                self.read(known).await?;
                is_read = true;
                continue;
            }
            if turn.book == known.book {
                return Ok(turn.verdicts);
            }
            let body = serde_json::to_vec(&turn.book).unwrap_or_default();
            match self.bus.set_cell(&self.model, body, known.revision).await {
                Ok(Some(revision)) => {
                    (known.book, known.revision) = (turn.book, revision);
                    (known.calls, known.beat) = (turn.calls, turn.beat);
                    return Ok(turn.verdicts);
                }
                Ok(None) => {
                    tokio::time::sleep(Duration::from_micros(u64::from(tries) * 200)).await;
                    self.read(known).await?;
                    is_read = true;
                }
                // It may have been written; the next turn begins with what is there.
                Err(error) if tries > 0 => {
                    self.read(known).await?;
                    return Err(error);
                }
                Err(_) => self.read(known).await?,
            }
        }
        // Others were faster each time. What is to be given back is kept for the next time.
        lock(&self.open).returns.extend(&open.returns);
        lock(&self.open).is_beat = true;
        Ok(asked.iter().map(|_| Err(NoRoom { for_ms: UNTOLD_MS, cause: Full::Unknown })).collect())
    }

    /// What the book becomes, if nobody was faster.
    fn turn(&self, known: &Known, open: &Open, asked: &[(Want, LimitsSpec)]) -> Turn {
        let now = Timestamp::now();
        let mut book = known.book.clone();
        book.clear(&known.heard.dead(self.me), now);
        for Return { taken, used } in &open.returns {
            book.settle(*taken, *used);
        }
        let before = book.holders.get(&self.me).copied().unwrap_or_default();
        let kept = known.calls.saturating_sub(open.returns.len() as u64);
        // Its own urgent work is put first at the door; in the book it is for the others.
        book.sign(self.me, Holder { calls: kept, is_waiting: false, ..before });
        let verdicts: Vec<_> = asked.iter().map(|(want, limits)| book.take(self.me, *want, limits, now)).collect();
        let is_urgent = |(want, _): &&(Want, LimitsSpec)| want.lane == Lane::Realtime;
        let served = asked.iter().filter(is_urgent).zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).count();
        let taken = verdicts.iter().flatten().count() as u64;
        let calls = kept + taken;
        let is_waiting = self.waiting.load(Ordering::Relaxed) > served as u64;
        // Room is taken by a write alone: only that says that the book still is what it was.
        let is_same = taken == 0 && (before.calls, before.is_waiting) == (calls, is_waiting) && calls == known.calls;
        let beat = if is_same && !open.is_beat { before.beat } else { known.beat.wrapping_add(1) };
        book.sign(self.me, Holder { calls, is_waiting, beat });
        Turn { book, calls, beat, verdicts }
    }

    async fn read(&self, known: &mut Known) -> Result<(), BusError> {
        let cell = self.bus.cell(&self.model).await?;
        // What cannot be read is begun anew, with what this process knows of itself.
        known.book = serde_json::from_slice(&cell.body).unwrap_or_default();
        known.revision = cell.revision;
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        known.heard.sees(&known.book, now_ms);
        Ok(())
    }
}

struct Turn {
    book: Book,
    calls: u64,
    beat: u64,
    verdicts: Vec<Result<Taken, NoRoom>>,
}
