//! Places under the limits of runs at once: taken before a run begins, given back when it has ended.
//!
//! The places of a key are one cell of the bus, changed by compare-and-set, so that two executors never give the same
//! one away. What follows from a change (a run begins, another is cancelled) is done after it, and by whoever sees that
//! it was not done: every executor follows the cells, looks twice a second at those in which somebody waits or that
//! changed a moment ago, and reads in the logs of their runs whether they go on. So a run that waits begins within a
//! second although whoever ended before it, or gave it its place, has died.

use super::{Runs, carry::Fault, mailbox::Item};
use crate::domain::run::{
    course::Heard,
    gate::{Entry, Gate, Place},
    round::Round,
};
use neptune_bus::{Cause, Cell, PublishError};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::Team,
    query::run::ConcurrencyView,
    run::{
        input::{RunInput, RunWish},
        start::RunGate,
    },
};
use neptune_workflow::definition::OnConflict;
use serde_json::Value;
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two looks at the places.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// A change is looked at after this time: whoever made it does what follows meanwhile.
const SETTLES: Duration = Duration::from_millis(300);
/// Keys that are looked at in one look, those that were not for longest first.
const KEYS_A_LOOK: usize = 64;
/// Runs with a place that are looked at for a key at once; of more than these the next ones are in the next look.
const HOLDERS_A_LOOK: usize = 64;
/// Others may change the places of a key so often first.
const RACES: u32 = 64;
/// A run with a place that has no log after this time was given up before it began.
const LOGLESS: Duration = Duration::from_secs(3_600);
/// Changes of places are made one after the other in this process, by so many locks over all keys.
const LOCKS: usize = 64;

/// The places as they were heard of last.
pub(crate) struct Gates {
    by_name: Mutex<HashMap<String, Seen>>,
    locks: [tokio::sync::Mutex<()>; LOCKS],
    hasher: RandomState,
}

struct Seen {
    gate: Gate,
    looked_at: Instant,
    /// What followed from the last change was seen to be done.
    is_settled: bool,
    /// Who of those with a place is looked at next.
    round: Round,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            by_name: Mutex::default(),
            locks: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

/// How a run with a place stands.
#[derive(PartialEq, Eq)]
enum Standing {
    /// Nothing is known of it.
    Unknown,
    /// It has its place and did not begin.
    Next,
    /// It goes on.
    Going,
    /// It has ended.
    Ended,
}

impl Gates {
    fn lock_of(&self, name: &str) -> &tokio::sync::Mutex<()> {
        let [first, ..] = &self.locks;
        let index = usize::try_from(self.hasher.hash_one(name) % LOCKS as u64).unwrap_or(0);
        self.locks.get(index).unwrap_or(first)
    }

    /// Takes in what a cell holds.
    pub(crate) fn see(&self, name: String, cell: &Cell) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        match serde_json::from_slice(&cell.body) {
            Ok(gate) => {
                let round = by_name.get(&name).map_or_else(Round::default, |seen| seen.round.anew());
                by_name.insert(name, Seen { gate, looked_at: Instant::now(), is_settled: false, round });
            }
            Err(_) => drop(by_name.remove(&name)),
        }
    }

    /// Those to look at now, and where their rounds are.
    fn due(&self) -> Vec<(String, Gate, Round)> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |seen: &Seen| !seen.gate.waiting.is_empty() || !seen.is_settled;
        let mut due: Vec<_> =
            by_name.iter_mut().filter(|(_, seen)| is_due(seen) && seen.looked_at.elapsed() >= SETTLES).collect();
        due.sort_by_key(|(_, seen)| seen.looked_at);
        due.truncate(KEYS_A_LOOK);
        let look = |(name, seen): (&String, &mut Seen)| {
            seen.looked_at = Instant::now();
            (name.clone(), seen.gate.clone(), seen.round)
        };
        due.into_iter().map(look).collect()
    }

    /// So many of those with a place were looked at, who all go on or do not.
    fn looked(&self, name: &str, looked_at: &Gate, (looked, is_going): (usize, bool)) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = by_name.get_mut(name) else { return };
        let is_same = seen.gate == *looked_at;
        let is_round = seen.round.went_on(looked, looked_at.holders.len(), is_going && is_same);
        seen.is_settled |= is_round;
    }

    /// Where the round of a key is. Whoever asks looks at the next ones, and the one after it at others.
    fn next_round(&self, name: &str, holders: usize) -> Round {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = by_name.get_mut(name) else { return Round::default() };
        let round = seen.round;
        seen.round.went_on(HOLDERS_A_LOOK.min(holders), holders, false);
        round
    }

    /// How the places of a run's key are taken.
    pub(crate) fn of(&self, name: &str, run: RunId) -> Option<ConcurrencyView> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.get(name).map(|seen| seen.gate.view(Some(run)))
    }

    /// How the places of a workflow's keys are taken, those with most who wait first.
    pub(crate) fn of_workflow(&self, workflow: &str, most: usize) -> Vec<ConcurrencyView> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = by_name.values().filter(|seen| seen.gate.workflow == workflow);
        let mut views: Vec<_> = of_it.map(|seen| seen.gate.view(None)).collect();
        views.sort_by(|one, other| (other.queued, &one.key).cmp(&(one.queued, &other.key)));
        views.truncate(most);
        views
    }
}

impl Runs {
    /// A run asks for a place.
    pub(crate) async fn enter(
        &self,
        (team, workflow): (&Team, &str),
        gate: &RunGate,
        place: Place,
        on_conflict: OnConflict,
    ) -> Result<Entry, Fault> {
        let _one_after_the_other = self.gates.lock_of(&gate.name).lock().await;
        for _ in 0..RACES {
            let cell = self.bus.start_cell(&gate.name).await.map_err(Fault::Places)?;
            let before: Option<Gate> = serde_json::from_slice(&cell.body).ok();
            let mut after = before.clone().unwrap_or_else(|| Gate::new(team, workflow, gate));
            let mut entry = after.enter(place.clone(), gate.limit, on_conflict);
            if entry != Entry::Holds && self.leave_of_ended(&gate.name, &mut after).await? {
                entry = after.enter(place.clone(), gate.limit, on_conflict);
            }
            if self.replace(&gate.name, before.as_ref(), &after, cell.revision).await? {
                if on_conflict == OnConflict::Replace {
                    self.cancel_replaced(&after).await?;
                }
                return Ok(entry);
            }
        }
        Err(Fault::Raced)
    }

    /// Takes out runs that have ended, and whose executors died before they gave back their places.
    async fn leave_of_ended(&self, name: &str, gate: &mut Gate) -> Result<bool, Fault> {
        let mut is_changed = false;
        let holders = gate.holders.clone();
        let round = self.gates.next_round(name, holders.len());
        for place in round.turn(&holders, HOLDERS_A_LOOK) {
            if self.standing(&gate.team, place).await? == Standing::Ended {
                is_changed |= gate.leave(place.run, place.turn);
            }
        }
        Ok(is_changed)
    }

    /// A run that has ended gives back its place. Whoever is next begins.
    pub(crate) async fn leave(&self, name: &str, (run, turn): (RunId, u32)) -> Result<(), Fault> {
        let _one_after_the_other = self.gates.lock_of(name).lock().await;
        for _ in 0..RACES {
            let cell = self.bus.start_cell(name).await.map_err(Fault::Places)?;
            let Ok(before) = serde_json::from_slice::<Gate>(&cell.body) else { return Ok(()) };
            let mut after = before.clone();
            if !after.leave(run, turn) || self.replace(name, Some(&before), &after, cell.revision).await? {
                return Ok(());
            }
        }
        Err(Fault::Raced)
    }

    /// Writes the places down, and has those begin that were let in. False when somebody wrote before.
    async fn replace(&self, name: &str, before: Option<&Gate>, after: &Gate, revision: u64) -> Result<bool, Fault> {
        if before == Some(after) {
            return Ok(true);
        }
        let encode = |error| Fault::Publish(PublishError::Encode(error));
        let body = if after.is_empty() { Vec::new() } else { serde_json::to_vec(after).map_err(encode)? };
        if before.is_none() && body.is_empty() {
            return Ok(true);
        }
        if self.bus.set_start_cell(name, body, revision).await.map_err(Fault::Places)?.is_none() {
            return Ok(false);
        }
        let waited = before.map_or(&[][..], |before| &before.waiting);
        let let_in = after.holders.iter().filter(|place| waited.iter().any(|waiting| waiting.run == place.run));
        let_in.for_each(|place| self.begin_soon(after.team.clone(), place));
        Ok(true)
    }

    async fn cancel_replaced(&self, gate: &Gate) -> Result<(), Fault> {
        for run in gate.replaced() {
            let reason =
                format!("a newer run of {} with the concurrency key {:?} takes its place", gate.workflow, gate.key);
            let what = RunWish::Cancel { reason };
            let input = RunInput { run, team: gate.team.clone(), id: "replaced".to_owned(), what };
            self.bus.publish_once(&input, &Cause::root()).await.map_err(Fault::Publish)?;
        }
        Ok(())
    }

    /// Begins a run that has a place now. If that fails it is seen at the next look.
    fn begin_soon(&self, team: Team, place: &Place) {
        let Some(runs) = self.me.upgrade() else { return };
        let key = (team, place.run);
        let item = Item::new(Heard::Admitted { turn: place.turn }, 1);
        tokio::spawn(async move { runs.hear(key, item).await });
    }

    /// Follows what starts and admits runs for ever.
    pub(crate) async fn follow_starts(&self) {
        let take = |name: String, cell: Cell| {
            if name.starts_with("gate.") { self.gates.see(name, &cell) } else { self.schedules.see(name, cell) }
        };
        self.bus.follow_start_cells(take).await;
    }

    /// Looks at the places for ever.
    pub(crate) async fn look_at_gates(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            for (name, gate, round) in self.gates.due() {
                if let Err(error) = self.look_at(&name, &gate, round).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(gate = name, error, "places cannot be looked at, trying again");
                }
            }
        }
    }

    async fn look_at(&self, name: &str, gate: &Gate, round: Round) -> Result<(), Fault> {
        let mut is_going = true;
        let turn = round.turn(&gate.holders, HOLDERS_A_LOOK);
        for place in &turn {
            match self.standing(&gate.team, place).await? {
                Standing::Going => {}
                Standing::Next => {
                    is_going = false;
                    self.begin_soon(gate.team.clone(), place);
                }
                Standing::Ended => self.leave(name, (place.run, place.turn)).await?,
                Standing::Unknown => {
                    is_going = false;
                    let since = Timestamp::from_unix_micros(place.since_us).unwrap_or(Timestamp::EPOCH);
                    if u128::from(Timestamp::now().micros_since(since)) > LOGLESS.as_micros() {
                        self.leave(name, (place.run, place.turn)).await?;
                    }
                }
            }
        }
        self.cancel_replaced(gate).await?;
        self.gates.looked(name, gate, (turn.len(), is_going));
        Ok(())
    }

    async fn standing(&self, team: &Team, place: &Place) -> Result<Standing, Fault> {
        let Some(last) = self.bus.last_logged(team, place.run).await.map_err(Fault::Read)? else {
            return Ok(Standing::Unknown);
        };
        if last.records.is_empty() {
            return Ok(Standing::Next);
        }
        if !last.records.iter().any(ends) {
            return Ok(Standing::Going);
        }
        let course = self.read(&(team.clone(), place.run)).await?;
        let ended = course.filter(|course| course.run.ending().is_some());
        // Of a run that is taken up again it may be the end before.
        Ok(ended
            .map_or(Standing::Going, |course| if course.turn < place.turn { Standing::Next } else { Standing::Ended }))
    }
}

/// Whether a record of a log has the end of the run.
fn ends(record: &Value) -> bool {
    let changes = record.get("changes").and_then(Value::as_array);
    changes.is_some_and(|changes| changes.iter().any(|change| change.get("ended").is_some()))
}
