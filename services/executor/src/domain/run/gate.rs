//! Places under a limit of runs at once: who has one, who waits, and who is next.

use neptune_contracts::{ids::RunId, names::Team, query::run::ConcurrencyView, run::start::RunGate};
use neptune_workflow::definition::OnConflict;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use uuid::Uuid;

/// So many wait for a place under one key at most.
pub const QUEUE: usize = 5_000;

/// The places under one key. It is kept as a whole, and changed by one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Whose runs.
    pub team: Team,
    /// Of which workflow: `namespace/name`.
    pub workflow: String,
    /// What they share the limit by.
    pub key: String,
    /// So many at once, as the run said that came last.
    pub limit: u64,
    /// Who has a place, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Place>,
    /// Who waits, in the order in which they are let in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Place>,
}

/// A run that has a place or waits for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The run.
    pub run: RunId,
    /// Which of its ends gives the place back, from 1.
    pub turn: u32,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i64,
    /// When it came, in microseconds since 1970: earlier goes first.
    pub since_us: i64,
    /// It is cancelled for another one, and not let in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replaced: bool,
}

/// What became of a run that asks for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has one.
    Holds,
    /// It waits for one.
    Waits,
    /// It gets none.
    Refused,
}

/// Where the places of a key are kept: a key of the bucket.
#[must_use]
pub fn name(team: &Team, workflow: &str, key: &str) -> String {
    let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{workflow}\n{key}").as_bytes()).simple();
    format!("gate.{team}.{token}")
}

impl Gate {
    /// Places of which none is taken.
    #[must_use]
    pub fn new(team: &Team, workflow: &str, asked: &RunGate) -> Self {
        let bare = workflow.split(':').next().unwrap_or_default().to_owned();
        Self {
            team: team.clone(),
            workflow: bare,
            key: asked.key.clone(),
            limit: asked.limit,
            holders: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// A run asks for a place. Asking again changes nothing. A run that is taken up again waits whatever is done with
    /// one too many.
    pub fn enter(&mut self, place: Place, limit: u64, on_conflict: OnConflict) -> Entry {
        self.limit = limit.max(1);
        if let Some(entry) = self.stands(place.run, place.turn) {
            self.admit();
            return self.stands(place.run, place.turn).unwrap_or(entry);
        }
        let (run, turn) = (place.run, place.turn);
        let on_conflict = if turn > 1 { OnConflict::Queue } else { on_conflict };
        let is_full = self.is_full() || self.waiting.iter().any(|waiting| !waiting.is_replaced);
        if is_full && (on_conflict == OnConflict::Reject || self.waiting.len() >= QUEUE) {
            return Entry::Refused;
        }
        self.waiting.push(place);
        if on_conflict == OnConflict::Replace {
            self.replace(run);
        }
        self.waiting.sort_by_key(|place| (Reverse(place.priority), place.since_us));
        self.admit();
        self.stands(run, turn).unwrap_or(Entry::Refused)
    }

    /// Marks the oldest as replaced until those that stay and `newest` are no more than the limit.
    fn replace(&mut self, newest: RunId) {
        let staying = |places: &[Place]| places.iter().filter(|place| !place.is_replaced).count();
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut too_many = (staying(&self.holders) + staying(&self.waiting)).saturating_sub(limit);
        self.waiting.sort_by_key(|place| place.since_us);
        for place in self.holders.iter_mut().chain(&mut self.waiting) {
            if too_many > 0 && !place.is_replaced && place.run != newest {
                (place.is_replaced, too_many) = (true, too_many - 1);
            }
        }
    }

    /// A run that has ended gives back its place, or waits no more. True when it had one or waited.
    pub fn leave(&mut self, run: RunId, turn: u32) -> bool {
        let stays = |place: &Place| place.run != run || place.turn > turn;
        let before = self.holders.len() + self.waiting.len();
        self.holders.retain(stays);
        self.waiting.retain(stays);
        let is_gone = self.holders.len() + self.waiting.len() < before;
        if is_gone {
            self.admit();
        }
        is_gone
    }

    /// Lets in those who are next while there are places.
    fn admit(&mut self) {
        while !self.is_full() {
            let Some(next) = self.waiting.iter().position(|place| !place.is_replaced) else { return };
            let place = self.waiting.remove(next);
            self.holders.push(place);
        }
    }

    fn is_full(&self) -> bool {
        self.holders.len() as u64 >= self.limit
    }

    fn stands(&self, run: RunId, turn: u32) -> Option<Entry> {
        let is_it = |place: &&Place| place.run == run && place.turn == turn;
        let holds = self.holders.iter().find(is_it).map(|_| Entry::Holds);
        holds.or_else(|| self.waiting.iter().find(is_it).map(|_| Entry::Waits))
    }

    /// Whether nobody has a place or waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }

    /// Runs that are to be cancelled for others.
    pub fn replaced(&self) -> impl Iterator<Item = RunId> {
        self.holders.iter().chain(&self.waiting).filter(|place| place.is_replaced).map(|place| place.run)
    }

    /// How the places are taken, and how many go before `run`, if it waits.
    #[must_use]
    pub fn view(&self, run: Option<RunId>) -> ConcurrencyView {
        let ahead = self.waiting.iter().position(|place| Some(place.run) == run);
        ConcurrencyView {
            key: self.key.clone(),
            limit: self.limit,
            running: self.holders.len() as u64,
            queued: self.waiting.len() as u64,
            ahead: ahead.map(|ahead| ahead as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gate(limit: u64) -> Gate {
        let asked = RunGate { name: "gate.support.x".into(), key: "acme".into(), limit };
        Gate::new(&"support".parse().unwrap(), "a/b:1.0.0", &asked)
    }

    fn place(run: RunId, priority: i64, since_us: i64) -> Place {
        Place { run, turn: 1, priority, since_us, is_replaced: false }
    }

    fn runs<const N: usize>() -> [RunId; N] {
        std::array::from_fn(|_| RunId::mint())
    }

    fn holders(gate: &Gate) -> Vec<RunId> {
        gate.holders.iter().map(|place| place.run).collect()
    }

    #[test]
    fn those_who_wait_are_let_in_by_priority_and_then_as_they_came() {
        let [first, late, early, urgent] = runs();
        let mut gate = gate(1);
        let mut enter = |run, priority, since| gate.enter(place(run, priority, since), 1, OnConflict::Queue);
        assert_eq!(enter(first, 0, 1), Entry::Holds);
        assert_eq!(enter(late, 0, 9), Entry::Waits);
        assert_eq!(enter(early, 0, 5), Entry::Waits);
        assert_eq!(enter(urgent, 3, 10), Entry::Waits);
        assert_eq!(enter(early, 0, 5), Entry::Waits, "asking again changes nothing");
        assert_eq!(gate.view(Some(early)).ahead, Some(1));
        let mut order = Vec::new();
        for _ in 0..4 {
            let holder = gate.holders[0].run;
            order.push(holder);
            assert!(gate.leave(holder, 1));
        }
        assert_eq!(order, [first, urgent, early, late]);
        assert!(gate.is_empty() && !gate.leave(first, 1));
    }

    #[test]
    fn one_too_many_is_refused_or_goes_before_the_oldest() {
        let [one, two, three, four] = runs();
        let mut strict = gate(2);
        for (run, entry) in [(one, Entry::Holds), (two, Entry::Holds), (three, Entry::Refused), (one, Entry::Holds)] {
            assert_eq!(strict.enter(place(run, 0, 1), 2, OnConflict::Reject), entry);
        }
        let mut gate = gate(1);
        for (run, since, entry) in [(one, 1, Entry::Holds), (two, 2, Entry::Waits), (three, 3, Entry::Waits)] {
            assert_eq!(gate.enter(place(run, 0, since), 1, OnConflict::Replace), entry);
        }
        assert_eq!(gate.replaced().collect::<Vec<_>>(), [one, two], "the newest waits for the end of the oldest");
        gate.leave(two, 1);
        assert_eq!(holders(&gate), [one]);
        gate.leave(one, 1);
        assert_eq!(holders(&gate), [three]);
        // More places let in more at once.
        assert_eq!(gate.enter(place(four, 0, 4), 2, OnConflict::Queue), Entry::Holds);
    }

    #[test]
    fn a_run_that_is_taken_up_again_waits_and_keeps_its_place_from_its_earlier_end() {
        let [one, two] = runs();
        let mut gate = gate(1);
        gate.enter(place(one, 0, 1), 1, OnConflict::Reject);
        gate.leave(one, 1);
        gate.enter(place(two, 0, 2), 1, OnConflict::Reject);
        let again = Place { turn: 2, ..place(one, 0, 3) };
        assert_eq!(gate.enter(again.clone(), 1, OnConflict::Reject), Entry::Waits);
        assert!(!gate.leave(one, 1), "its first end comes twice");
        gate.leave(two, 1);
        assert_eq!(gate.holders, [again]);
    }
}
