use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::account::Counters;
use crate::domain::behaviour::{Behaviour, Fault};
use crate::domain::draw::Draws;
use crate::domain::fault;
use crate::domain::limits::{Told, Window};

/// How many different requests a seeded model tells apart before it begins to count anew.
const REPEATS_LIMIT: usize = 100_000;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishap {
    pub(crate) fault: Option<Fault>,
    /// A stream breaks after so many pieces; in the middle when absent.
    pub(crate) after_pieces: Option<u32>,
}

/// One model as it behaves now.
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    pub(crate) behaviour: Behaviour,
    pub(crate) counters: Arc<Counters>,
    fail_next: AtomicU32,
    /// When it began to behave so.
    since: Instant,
    /// How often each request came, by digest; only for a model with a seed.
    repeats: Mutex<HashMap<u64, u64>>,
    /// What is used of its rate limits.
    window: Mutex<Window>,
}

impl Model {
    pub(crate) fn new(name: &str, behaviour: &Behaviour) -> Arc<Self> {
        Self::with(Arc::from(name), behaviour, Arc::default())
    }

    /// The same model with another behaviour.
    pub(crate) fn changed(&self, behaviour: &Behaviour) -> Arc<Self> {
        Self::with(Arc::clone(&self.name), behaviour, Arc::clone(&self.counters))
    }

    fn with(name: Arc<str>, behaviour: &Behaviour, counters: Arc<Counters>) -> Arc<Self> {
        let fail_next = AtomicU32::new(behaviour.fail_next);
        Arc::new(Self {
            name,
            behaviour: behaviour.clone(),
            counters,
            fail_next,
            since: Instant::now(),
            repeats: Mutex::default(),
            window: Mutex::default(),
        })
    }

    /// The behaviour with the number of failures that are still to come.
    pub(crate) fn shown(&self) -> Behaviour {
        Behaviour { fail_next: self.fail_next.load(Ordering::Relaxed), ..self.behaviour.clone() }
    }

    /// The chances of one call: the same for the same repetition of a request when the model has a seed.
    pub(crate) fn draws(&self, digest: u64) -> Draws {
        let Some(seed) = self.behaviour.seed else { return Draws::new(rand::random()) };
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        if repeats.len() >= REPEATS_LIMIT && !repeats.contains_key(&digest) {
            repeats.clear();
        }
        let repeat = repeats.entry(digest).or_default();
        *repeat += 1;
        let mixed = Draws::new(seed).number() ^ Draws::new(digest).number().rotate_left(1);
        Draws::new(Draws::new(mixed ^ *repeat).number())
    }

    /// How a call that needs `tokens` stands towards the model's rate limits, if it has any.
    pub(crate) fn limit(&self, tokens: u64, now_unix_ms: u64) -> Option<Told> {
        let limits = self.behaviour.limits.as_ref()?;
        Some(self.window.lock().unwrap_or_else(PoisonError::into_inner).take(limits, tokens, now_unix_ms))
    }

    /// How this call goes wrong, if it does.
    pub(crate) fn mishap(&self, draws: &mut Draws) -> Mishap {
        let usual = self.behaviour.faults.breaks_after;
        let one_less = |left: u32| left.checked_sub(1);
        if self.fail_next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return Mishap { fault: Some(self.behaviour.fail_with), after_pieces: usual };
        }
        let elapsed_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        for incident in &self.behaviour.incidents {
            if let Some(fault) = incident.strikes(elapsed_ms, draws.fraction()) {
                return Mishap { fault: Some(fault), after_pieces: incident.after_pieces.or(usual) };
            }
        }
        let faults = &self.behaviour.faults;
        let fault = if fault::possible(faults) { fault::choose(faults, draws.fraction()) } else { None };
        Mishap { fault, after_pieces: usual }
    }
}
