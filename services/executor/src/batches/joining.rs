//! Joining a collection.

use super::{Batches, Error};
use crate::domain::batch::{closing, collection};
use neptune_bus::{Accept, Cause, Collected, PublishError};
use neptune_contracts::{
    Timestamp,
    batch::{BatchItem, BatchTimer, Collection},
    ids::AttemptId,
    plan::TaskRouted,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Collections whose counts are kept; an older one is closed by then.
const MOST_COUNTS: usize = 1_024;

/// How many items this process brought to each collection.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<String, u32>>);

impl Counts {
    /// Counts an item, and returns which it is, from 1 on.
    fn count(&self, collection: &Collection) -> u32 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_COUNTS {
            counts.clear();
        }
        let count = counts.entry(format!("{}.{}", collection.zone, collection.token())).or_default();
        *count += 1;
        *count
    }
}

impl Batches {
    /// The collection that a task joins now, and the most items of its batches; nothing when it is called in the
    /// ordinary way.
    pub fn collection(&self, routed: &TaskRouted, input_bytes: usize) -> Option<(Collection, u32)> {
        let resources = self.resources.borrow().clone();
        let model = resources.models.get(&routed.plan.attempts.first()?.model)?;
        let spec = model.batch?;
        Some((collection(routed, (model, &self.zones), input_bytes, Timestamp::now())?, spec.max_items))
    }

    /// Stores a task as an item of a collection, and ends its accept. False when there is no room for it.
    ///
    /// # Errors
    /// The bus failed. The accept stays open.
    pub async fn join(
        &self,
        routed: &TaskRouted,
        (collection, max_items): (Collection, u32),
        (accept, cause): (&Accept, &Cause),
    ) -> Result<bool, Error> {
        let (attempt, collected_at) = (AttemptId::mint(), Timestamp::now());
        let item = BatchItem { collection, attempt, collected_at, routed: routed.clone() };
        match self.bus.collect(&item, accept, cause).await {
            Ok(()) => {}
            Err(PublishError::Full { .. } | PublishError::TooLarge { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let timers = self.timers(&item, max_items);
        self.bus.await_batch(&timers, accept).await?;
        Ok(true)
    }

    /// The timers that look at an item which is stored: one when its collection closes, which the first item brings,
    /// and one at once when a batch is full or the collection closed meanwhile.
    fn timers(&self, item: &BatchItem, max_items: u32) -> Vec<BatchTimer> {
        let (count, now) = (self.counts.count(&item.collection), Timestamp::now());
        let mut timers = Vec::new();
        if count == 1 {
            timers.push(closing(&item.collection));
        }
        if count.is_multiple_of(max_items.max(1)) || now >= item.collection.closes_at() {
            timers.push(own(item, now));
        }
        timers
    }

    /// What a task that was handed out again waits for already; whether it still does. One that came back from its
    /// batch does not: its item is taken out.
    ///
    /// # Errors
    /// The bus failed.
    pub async fn rejoin(&self, routed: &TaskRouted, accept: &Accept) -> Result<bool, Error> {
        let task = &routed.task;
        for place in self.bus.collected(&task.team, task.id).await? {
            if !self.zones.contains(&place.zone) {
                continue;
            }
            let Some(collected) = self.bus.item(&place).await? else { continue };
            if came_back(routed, &collected) {
                self.bus.drop_collected(&collected).await?;
                continue;
            }
            let due_at = collected.item.collection.closes_at().max(Timestamp::now());
            self.bus.await_batch(&[own(&collected.item, due_at)], accept).await?;
            return Ok(true);
        }
        Ok(false)
    }
}

fn came_back(routed: &TaskRouted, collected: &Collected) -> bool {
    let times = |routed: &TaskRouted| routed.task.parking().map_or(0, |parking| parking.times);
    times(routed) > times(&collected.item.routed)
}

/// A look at the collection of an item, of the item's own.
fn own(item: &BatchItem, due_at: Timestamp) -> BatchTimer {
    BatchTimer { collection: item.collection.clone(), timer: format!("item-{}", item.attempt), due_at }
}
