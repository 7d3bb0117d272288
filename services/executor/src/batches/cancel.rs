//! Tasks that wait for a batch and are not wanted any more.

use super::{Batches, Error, harvest::unwanted};
use crate::domain::{
    batch,
    finish::{self, Ending},
    step::End,
};
use neptune_contracts::{Timestamp, attempt::Attempt, batch::BatchPhase, ids::TaskId, names::Team};
use std::sync::Arc;

impl Batches {
    /// Whether any model has batches, or had them when the resources last said so.
    pub fn are_used(&self) -> bool {
        self.resources.borrow().models.values().any(|model| model.batch.is_some())
    }

    /// Ends a task that waits as cancelled. What its item may cost is estimated where its batch was sent.
    ///
    /// # Errors
    /// The bus failed.
    pub async fn cancel(&self, team: &Team, task: TaskId) -> Result<(), Error> {
        for place in self.bus.collected(team, task).await? {
            if !self.zones.contains(&place.zone) {
                continue;
            }
            let Some(collected) = self.bus.item(&place).await? else { continue };
            let (item, now) = (&collected.item, Timestamp::now());
            let (state, _) = self.bus.batch_state(&item.collection).await?;
            let batches = state.iter().flat_map(|state| &state.batches);
            let mut sent = batches.filter(|batch| batch.phase != BatchPhase::Uploading);
            let is_sent = sent.any(|batch| batch.members.iter().any(|member| member.attempt == item.attempt));
            let resources = self.resources.borrow().clone();
            let model = resources.models.get(&item.collection.model);
            let made = is_sent.then(|| batch::attempt(item, model, &Err(unwanted()), now)).flatten();
            let made: Vec<Attempt> = made.into_iter().collect();
            let all: Vec<&Attempt> = item.routed.task.attempts_before().iter().chain(&made).collect();
            let result = Err(finish::unanswered(End::Cancelled, &all, None));
            let started_at = item.collected_at;
            self.finish(&collected, Ending { result, made, started_at, finished_at: now }).await?;
        }
        Ok(())
    }
}

/// Takes the word that a task's answer is not wanted, and looks for it among those that wait.
pub(crate) fn hear(batches: &Arc<Batches>, team: Team, task: TaskId) {
    if !batches.are_used() {
        return;
    }
    let batches = batches.clone();
    tokio::spawn(async move {
        if let Err(error) = batches.cancel(&team, task).await {
            tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "a task that waits for a batch was not cancelled");
        }
    });
}
