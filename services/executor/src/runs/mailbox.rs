//! Mailboxes: what comes to one run is decided about by one at a time, and together.

use super::{Runs, carry::Carried};
use crate::domain::run::course::{Course, Heard};
use neptune_bus::Outcome;
use neptune_contracts::{ids::RunId, names::Team, run::log::RunMadeOf, topology::StreamName};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

/// What is decided about at a time at most.
const TOGETHER: usize = 1_024;
/// So long after its pause something that is to be handed out again is waited for: another executor may have got it.
const LATE: Duration = Duration::from_secs(1);

/// Which run.
pub(crate) type Key = (Team, RunId);

/// Where a message stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The stream.
    pub(crate) stream: StreamName,
    /// Its sequence there.
    pub(crate) sequence: u64,
}

/// Something that came to a run.
pub(crate) struct Item {
    /// What.
    pub(crate) heard: Heard,
    /// How often it was handed out, from 1.
    pub(crate) delivered: u64,
    /// Where it stands among what came through the same stream, if that says in which order it is to be heard.
    pub(crate) place: Option<Place>,
    /// What the run is made of, if this is its beginning.
    pub(crate) made_of: Option<Arc<RunMadeOf>>,
}

impl Item {
    /// Something whose order does not matter, handed out so often.
    pub(crate) fn new(heard: Heard, delivered: u64) -> Self {
        Self { heard, delivered, place: None, made_of: None }
    }
}

struct Waiting {
    item: Item,
    carried: oneshot::Sender<Carried>,
}

/// The mailbox of a run.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Something was put in.
    filled: Notify,
    /// The run as it was known last.
    pub(crate) course: tokio::sync::Mutex<Option<Course>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// What is to be handed out again, and until when that is waited for.
    later: BTreeMap<Place, Instant>,
    /// Somebody decides, and looks again before it ends.
    is_busy: bool,
}

/// What is to be done about a mailbox.
enum Next {
    /// To decide about these.
    Decide(Vec<Waiting>),
    /// To wait: what comes before all that is there is to be handed out again, until then.
    Wait(Instant),
    /// Nothing; the next one who puts something in sees to it.
    Nothing,
}

impl Mailbox {
    /// Puts something in. True when the caller has to see to it.
    fn put(&self, waiting: Waiting) -> bool {
        let mut state = self.state();
        if let Some(place) = waiting.item.place {
            state.later.remove(&place);
        }
        state.waiting.push(waiting);
        self.filled.notify_one();
        !std::mem::replace(&mut state.is_busy, true)
    }

    /// Takes what is there, and in its stream not after what is to be handed out again.
    fn take(&self, now: Instant) -> Next {
        let mut state = self.state();
        state.later.retain(|_, until| *until > now);
        let (mut taken, mut kept, mut wait) = (Vec::new(), Vec::new(), None::<Instant>);
        for waiting in std::mem::take(&mut state.waiting) {
            let before = waiting.item.place.and_then(|place| state.before(place));
            if before.is_some() || taken.len() >= TOGETHER {
                wait = wait.into_iter().chain(before).min();
                kept.push(waiting);
            } else {
                taken.push(waiting);
            }
        }
        state.waiting = kept;
        match wait {
            _ if !taken.is_empty() => Next::Decide(in_order(taken)),
            Some(until) => Next::Wait(until),
            None => {
                state.is_busy = false;
                Next::Nothing
            }
        }
    }

    /// Notes that these are to be handed out again after a pause, so that what comes after them waits for them.
    fn expect(&self, places: &[Place], pause: Duration, now: Instant) {
        let until = now + pause + LATE;
        self.state().later.extend(places.iter().map(|place| (*place, until)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Until when something that stands before it in its stream is waited for.
    fn before(&self, place: Place) -> Option<Instant> {
        let first = Place { sequence: 0, ..place };
        self.later.range(first..place).map(|(_, until)| *until).max()
    }
}

/// What came through the same stream in its order there; else as it came.
fn in_order(taken: Vec<Waiting>) -> Vec<Waiting> {
    let mut by_stream: BTreeMap<StreamName, BTreeMap<(u64, usize), Waiting>> = BTreeMap::new();
    let mut slots = Vec::new();
    for (index, waiting) in taken.into_iter().enumerate() {
        match waiting.item.place {
            Some(Place { stream, sequence }) => {
                by_stream.entry(stream).or_default().insert((sequence, index), waiting);
                slots.push(Err(stream));
            }
            None => slots.push(Ok(waiting)),
        }
    }
    let mut next = |stream| by_stream.get_mut(&stream).and_then(BTreeMap::pop_first).map(|(_, waiting)| waiting);
    slots.into_iter().filter_map(|slot| slot.map_or_else(&mut next, Some)).collect()
}

impl Runs {
    /// Takes something that came to a run, and returns what becomes of its message once what follows from it is stored
    /// and asked for.
    pub(crate) async fn hear(self: &Arc<Self>, key: Key, item: Item) -> Outcome {
        self.put(key, item).outcome().await
    }

    /// Puts something that came into the mailbox of its run. What is put in before something else through the same
    /// stream is decided about before it, or together with it.
    pub(crate) fn put(self: &Arc<Self>, key: Key, item: Item) -> Put {
        let (carried, done) = oneshot::channel();
        let mailbox = self.mailboxes.of(&key);
        if mailbox.put(Waiting { item, carried }) {
            // Not by this handler: if that is given up, the others must not wait for it.
            tokio::spawn(Arc::clone(self).work_off(key, mailbox));
        }
        Put(done)
    }

    async fn work_off(self: Arc<Self>, key: Key, mailbox: Arc<Mailbox>) {
        loop {
            let waiting = match mailbox.take(Instant::now()) {
                Next::Decide(waiting) => waiting,
                Next::Wait(until) => {
                    tokio::time::timeout_at(until, mailbox.filled.notified()).await.ok();
                    continue;
                }
                Next::Nothing => return,
            };
            let (items, senders): (Vec<Item>, Vec<_>) =
                waiting.into_iter().map(|waiting| (waiting.item, waiting.carried)).unzip();
            let places: Vec<Place> = items.iter().filter_map(|item| item.place).collect();
            let carried = Box::pin(self.carry(&key, &mailbox, items)).await;
            if let Carried::Later(pause) = carried {
                mailbox.expect(&places, pause, Instant::now());
            }
            for sender in senders {
                // Whoever waited may have been given up; its message is handed out again.
                let _gone = sender.send(carried.clone());
            }
        }
    }
}

/// Something that was put into a mailbox.
pub(crate) struct Put(oneshot::Receiver<Carried>);

impl Put {
    /// What becomes of its message, once what follows from it is stored and asked for.
    pub(crate) async fn outcome(self) -> Outcome {
        match self.0.await {
            Ok(Carried::On) => Outcome::Done,
            Ok(Carried::Later(after)) => Outcome::Retry { after },
            Ok(Carried::Aside(reason)) => Outcome::Reject { reason },
            // Whoever worked it off crashed.
            Err(_) => Outcome::Retry { after: super::RETRY },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(mailbox: &Mailbox, place: Option<(StreamName, u64)>) {
        let place = place.map(|(stream, sequence)| Place { stream, sequence });
        let item = Item { place, ..Item::new(Heard::Again { instance: 0 }, 1) };
        mailbox.put(Waiting { item, carried: oneshot::channel().0 });
    }

    fn taken(mailbox: &Mailbox, now: Instant) -> Option<Vec<u64>> {
        match mailbox.take(now) {
            Next::Decide(taken) => {
                let sequence = |waiting: &Waiting| waiting.item.place.map_or(0, |place| place.sequence);
                Some(taken.iter().map(sequence).collect())
            }
            Next::Wait(_) => None,
            Next::Nothing => Some(Vec::new()),
        }
    }

    #[tokio::test]
    async fn each_stream_is_heard_in_its_order_and_none_waits_for_another() {
        let (mailbox, now) = (Mailbox::default(), Instant::now());
        let (runs, events) = (StreamName::Runs, StreamName::Events);
        for place in [Some((runs, 9)), None, Some((events, 4)), Some((runs, 7)), Some((events, 3)), Some((runs, 8))] {
            put(&mailbox, place);
        }
        assert_eq!(taken(&mailbox, now), Some(vec![7, 0, 3, 8, 4, 9]));
        assert_eq!(taken(&mailbox, now), Some(vec![]));
    }

    #[tokio::test]
    async fn what_is_handed_out_again_is_not_overtaken_for_a_while() {
        let (mailbox, now, pause) = (Mailbox::default(), Instant::now(), Duration::from_millis(500));
        let (runs, events) = (StreamName::Runs, StreamName::Events);
        mailbox.expect(&[Place { stream: runs, sequence: 5 }, Place { stream: runs, sequence: 7 }], pause, now);
        [(runs, 4), (runs, 8), (events, 9)].into_iter().for_each(|place| put(&mailbox, Some(place)));
        assert_eq!(taken(&mailbox, now), Some(vec![4, 9]));
        assert_eq!(taken(&mailbox, now), None, "the eighth waits for two that come before it");
        put(&mailbox, Some((runs, 7)));
        assert_eq!(taken(&mailbox, now), None);
        put(&mailbox, Some((runs, 5)));
        assert_eq!(taken(&mailbox, now), Some(vec![5, 7, 8]));
        mailbox.expect(&[Place { stream: runs, sequence: 10 }], pause, now);
        put(&mailbox, Some((runs, 11)));
        assert_eq!(taken(&mailbox, now), None);
        assert_eq!(taken(&mailbox, now + pause + LATE), Some(vec![11]), "another executor may have got it");
    }
}
