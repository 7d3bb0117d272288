//! Giving the items of a collection to batches.

use super::{AT_A_TIME, Batches, Desk, Error};
use crate::domain::batch;
use futures::{StreamExt as _, TryStreamExt as _};
use neptune_bus::Place;
use neptune_contracts::{
    Timestamp,
    batch::{Batch, BatchMember, BatchPhase},
    ids::AttemptId,
};
use std::collections::HashMap;

impl Batches {
    /// Gives items that are in no batch to one. Whether some are left.
    pub(super) async fn assign(&self, desk: &mut Desk<'_>) -> Result<bool, Error> {
        let known: HashMap<_, AttemptId> =
            desk.members().map(|member| ((member.team.clone(), member.task), member.attempt)).collect();
        let mut others = Vec::new();
        for place in self.bus.collection(desk.collection).await? {
            match known.get(&(place.team.clone(), place.task)) {
                Some(attempt) => drop(desk.places.insert(*attempt, place)),
                None => others.push(place),
            }
        }
        if others.is_empty() {
            return Ok(false);
        }
        let Some(spec) = desk.model.and_then(|model| model.batch).filter(|batch| batch.enabled) else {
            return self.release_all(desk, others).await.map(|()| false);
        };
        let now = Timestamp::now();
        let mut items = self.weigh(desk, others, now).await?;
        // In the order in which they came, as far as their ids tell.
        items.sort_by_key(|(member, _)| member.attempt);
        let (all, taken) = (items.len(), known.len());
        let planned = batch::batches(items, (spec.max_items, taken), now >= desk.collection.closes_at());
        let given: usize = planned.iter().map(Vec::len).sum();
        if given > 0 {
            desk.plan(planned, now);
            self.store(desk).await?;
        }
        Ok(given < all)
    }

    /// The items at these places, which go back to be admitted anew where their admission is void by now.
    async fn weigh(
        &self,
        desk: &mut Desk<'_>,
        places: Vec<Place>,
        now: Timestamp,
    ) -> Result<Vec<batch::Weighed>, Error> {
        let read = |place: Place| async move { Ok::<_, Error>((self.bus.item(&place).await?, place)) };
        let mut reading = futures::stream::iter(places).map(read).buffer_unordered(AT_A_TIME);
        let mut items = Vec::new();
        while let Some((collected, place)) = reading.try_next().await? {
            let Some(collected) = collected else { continue };
            let (item, task) = (&collected.item, &collected.item.routed.task);
            if item.routed.admission.expires_at <= now {
                self.put_back(desk.model, &collected, None).await?;
                continue;
            }
            let bytes = serde_json::to_vec(&task.input).map_or(0, |input| input.len());
            let (team, deadline) = (task.team.clone(), task.constraints.deadline);
            items.push((BatchMember { team, task: task.id, attempt: item.attempt, deadline }, bytes));
            desk.places.insert(item.attempt, place);
        }
        Ok(items)
    }

    /// Puts items back that were never sent.
    async fn release_all(&self, desk: &Desk<'_>, places: Vec<Place>) -> Result<(), Error> {
        for place in places {
            if let Some(collected) = self.bus.item(&place).await? {
                self.put_back(desk.model, &collected, None).await?;
            }
        }
        Ok(())
    }
}

impl Desk<'_> {
    /// Takes in batches that are to be made.
    fn plan(&mut self, planned: Vec<Vec<BatchMember>>, now: Timestamp) {
        for members in planned {
            let id = AttemptId::mint();
            self.fresh.insert(id);
            self.state.batches.push(Batch { id, members, planned_at: now, phase: BatchPhase::Uploading });
        }
    }
}
