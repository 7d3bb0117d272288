//! Batches: tasks of the batch lane that are answered by their provider's batch API.
//!
//! A task that may wait joins the collection of its model ([`neptune_contracts::batch`]) and is let go; nothing is
//! held for it from there on. When a timer says so, an executor takes the collection's lease and looks at it
//! ([`Batches::look`]): items that are in no batch are given to one, batches that are not made are made, those that the
//! provider has are looked at, and what came out of them ends its tasks. Then the next timer is set, and only then the
//! last one is acknowledged, so that whoever dies in the middle is followed by another, who does the same again.
//!
//! **Made once.** A batch has its id, and each item its attempt's id, before anything is sent; each phase is stored
//! before what it names is begun. Whoever finds a phase begun looks at the provider for what came of it, by the id in
//! the file's name and the batch's metadata (OpenAI), or by the ids of its items when it has ended (Anthropic), before
//! it is done again. A batch that the provider makes after that look would be a second one; the lease and the wait of a
//! dead executor's timer leave it ten seconds.
//!
//! **Ended once.** An item is taken out when its task's finished fact is stored, which the broker does once, or its
//! task is back at governance. Results of items that are not there any more are dropped.
//!
//! **Back to ordinary calls** go items that failed for what another call may mend, expired, or whose answer will not
//! do; all of a batch that the provider refuses; and those whose deadline leaves no more than an ordinary call. They
//! are parked for a moment with their attempt (purpose `batch`), so that they are admitted and routed anew and join no
//! batch again. One without the time for it ends.

mod assign;
pub(crate) mod cancel;
mod harvest;
mod joining;
mod submit;

use crate::{
    domain::{
        batch,
        failure::{Billed, Failure},
    },
    provider::Provider,
};
use joining::Counts;
use neptune_bus::{Append, Bus, BusError, Place, PublishError};
use neptune_contracts::{
    Timestamp,
    batch::{Batch, BatchMember, BatchPhase, BatchState, Collection},
    ids::AttemptId,
    names::Zone,
    resource::{ModelSpec, Resources},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use submit::Halt;
use tokio::sync::watch;

/// Items that are read or ended at a time.
const AT_A_TIME: usize = 16;
/// How often a model that is not configured any more is looked for.
const DEFAULT_POLL_SECONDS: u32 = 60;

/// What batches are driven with.
pub struct Batches {
    bus: Bus,
    resources: watch::Receiver<Arc<Resources>>,
    provider: Provider,
    zones: Vec<Zone>,
    counts: Counts,
}

/// Why a look at a collection ended early; another one follows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bus could not be asked.
    #[error("the bus could not be asked")]
    Bus(#[from] BusError),
    /// A message was not stored.
    #[error("a message was not stored")]
    Publish(#[from] PublishError),
    /// Somebody else works on the collection.
    #[error("another executor works on the collection")]
    Overtaken,
}

/// A collection that is looked at, with the sole right to it.
struct Desk<'d> {
    collection: &'d Collection,
    model: Option<&'d ModelSpec>,
    state: BatchState,
    /// Of the state that is stored; 0 when none is.
    sequence: u64,
    /// Batches whose phase was entered by this look, so that nothing of it can have been begun before.
    fresh: HashSet<AttemptId>,
    /// The items that wait.
    places: HashMap<AttemptId, Place>,
}

impl Batches {
    /// Drives batches of models in `zones`.
    #[must_use]
    pub fn new(bus: Bus, resources: watch::Receiver<Arc<Resources>>, provider: Provider, zones: Vec<Zone>) -> Self {
        Self { bus, resources, provider, zones, counts: Counts::default() }
    }

    /// Looks at a collection, does what there is to do, and sets the timer of the next look.
    ///
    /// # Errors
    /// The bus failed or somebody else works on the collection: look again soon.
    pub async fn look(&self, collection: &Collection) -> Result<(), Error> {
        let key = format!("batch.{}.{}", collection.zone, collection.token());
        let lease = self.bus.lease(&key).await?.ok_or(Error::Overtaken)?;
        let held = lease.keep();
        let looked = tokio::select! {
            looked = self.work(collection) => looked,
            () = held.lost() => Err(Error::Overtaken),
        };
        held.release().await;
        looked
    }

    async fn work(&self, collection: &Collection) -> Result<(), Error> {
        let resources = self.resources.borrow().clone();
        let model = resources.models.get(&collection.model);
        let (stored, sequence) = self.bus.batch_state(collection).await?;
        let state = stored.unwrap_or_else(|| BatchState { collection: collection.clone(), batches: Vec::new() });
        let mut desk = Desk { collection, model, state, sequence, fresh: HashSet::new(), places: HashMap::new() };
        let is_waiting = self.assign(&mut desk).await?;
        for batch in desk.state.batches.clone() {
            self.advance(&mut desk, batch).await?;
        }
        let spec = model.and_then(|model| model.batch);
        let poll_seconds = spec.map_or(DEFAULT_POLL_SECONDS, |spec| spec.poll_seconds);
        let standing = (!desk.state.batches.is_empty(), is_waiting);
        for timer in batch::looks(collection, standing, poll_seconds, Timestamp::now()) {
            self.bus.set_batch_timer(&timer).await?;
        }
        Ok(())
    }

    /// Takes a batch as far as it can be taken now.
    async fn advance(&self, desk: &mut Desk<'_>, mut batch: Batch) -> Result<(), Error> {
        let alive: Vec<BatchMember> =
            batch.members.iter().filter(|member| desk.places.contains_key(&member.attempt)).cloned().collect();
        let Some(model) = desk.model else {
            // Nobody can be asked for its results any more.
            return self.give_up(desk, (&batch, &alive), &batch::missing()).await;
        };
        if alive.is_empty() {
            self.call_off(model, &batch).await;
            return self.over(desk, batch.id).await;
        }
        if !matches!(batch.phase, BatchPhase::Submitted { .. }) {
            let submitted = self.submit(desk, (model, &alive), &mut batch).await;
            return self.after_submit(desk, submitted, (&batch, &alive)).await;
        }
        self.harvest(desk, (model, &alive), &batch).await
    }

    /// What becomes of a batch that was, or was not, made.
    async fn after_submit(
        &self,
        desk: &mut Desk<'_>,
        submitted: Result<(), Halt>,
        (batch, alive): (&Batch, &[BatchMember]),
    ) -> Result<(), Error> {
        let (failure, is_over) = match submitted {
            Ok(()) => return Ok(()),
            Err(Halt::Broken(error)) => return Err(error),
            Err(Halt::Refused(failure)) => (failure, true),
            Err(Halt::Later(failure)) => (failure, batch::is_unmakeable(batch.planned_at, Timestamp::now())),
            Err(Halt::Waits(failure)) => {
                let within_seconds = desk.model.and_then(|model| model.batch).unwrap_or_default().within_seconds;
                (failure, batch::is_overdue(batch.planned_at, within_seconds, Timestamp::now()))
            }
        };
        if !is_over {
            tell(batch, "a batch could not be made, trying again later", &failure);
            return Ok(());
        }
        let was_begun = batch::passes(failure.error.class) && batch.phase != BatchPhase::Uploading;
        let failure = if was_begun { failure.billed(Billed::Perhaps) } else { failure };
        self.give_up(desk, (batch, alive), &failure).await
    }

    /// Puts back all items of a batch, which is over.
    async fn give_up(
        &self,
        desk: &mut Desk<'_>,
        (batch, alive): (&Batch, &[BatchMember]),
        failure: &Failure,
    ) -> Result<(), Error> {
        tell(batch, "a batch is given up, its tasks are called one by one", failure);
        for member in alive {
            self.put_back_member(desk, member, failure).await?;
        }
        self.over(desk, batch.id).await
    }

    /// Takes a batch out of the state. Its items are gone by then.
    async fn over(&self, desk: &mut Desk<'_>, batch: AttemptId) -> Result<(), Error> {
        desk.state.batches.retain(|other| other.id != batch);
        self.store(desk).await
    }

    /// Stores the state, if nobody stored another one meanwhile.
    async fn store(&self, desk: &mut Desk<'_>) -> Result<(), Error> {
        if desk.state.batches.is_empty() {
            if desk.sequence > 0 {
                self.bus.drop_batch_state(desk.sequence).await?;
            }
            desk.sequence = 0;
            return Ok(());
        }
        match self.bus.set_batch_state(&desk.state, desk.sequence).await? {
            Append::Stored(sequence) => desk.sequence = sequence,
            Append::Refused => return Err(Error::Overtaken),
        }
        Ok(())
    }
}

impl Desk<'_> {
    fn members(&self) -> impl Iterator<Item = &BatchMember> {
        self.state.batches.iter().flat_map(|batch| &batch.members)
    }

    /// Whether a batch of the collection has this name at the provider.
    fn has(&self, upstream: &str) -> bool {
        let is_it =
            |batch: &Batch| matches!(&batch.phase, BatchPhase::Submitted { upstream: other, .. } if other == upstream);
        self.state.batches.iter().any(is_it)
    }

    /// Takes in the phase of a batch.
    fn enter(&mut self, batch: &Batch) {
        if let Some(known) = self.state.batches.iter_mut().find(|known| known.id == batch.id) {
            known.phase = batch.phase.clone();
        }
    }
}

fn tell(batch: &Batch, what: &str, failure: &Failure) {
    let (class, reason) = (failure.error.class, failure.error.message.as_str());
    tracing::warn!(batch.id = %batch.id, items = batch.members.len(), %class, reason, "{what}");
}
