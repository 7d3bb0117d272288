//! A task that another task's answer will do for.

use super::task_admitted::TaskAdmittedHandler;
use crate::{
    cache::{Found, Search},
    domain::{
        cache::{Fingerprint, Wish, fingerprint, wish},
        route::resolve,
        serve::served,
    },
};
use neptune_bus::{Accept, Cause, PublishError};
use neptune_contracts::{Timestamp, admission::TaskAdmitted, finished::TaskFinished};

/// What a task that may be answered again is looked for by.
pub(super) type Lookup = (Fingerprint, Wish);

impl TaskAdmittedHandler {
    /// How the task is looked for; nothing when neither it nor its route asks for it.
    pub(super) fn lookup(&self, admitted: &TaskAdmitted) -> Option<Lookup> {
        let resources = self.resources.borrow().clone();
        let policy = resolve(&admitted.task, &resources).ok()?;
        let wish = wish(&admitted.task, policy.name, &resources)?;
        let print = fingerprint(&admitted.task, &admitted.admission, policy.name).ok()?;
        Some((print, wish))
    }

    /// The fact of the task when an answer that is stored serves for it. While Redis or the store
    /// are away the task is routed like any other.
    ///
    /// The request's vector comes with it, when one was asked for.
    pub(super) async fn find(
        &self,
        admitted: &TaskAdmitted,
        (print, wish): &Lookup,
    ) -> (Option<TaskFinished>, Option<Vec<i8>>) {
        let searched = self.cache.find(print, *wish).await.inspect_err(|error| {
            tracing::debug!(%error, "the cache cannot be read");
        });
        let Search { found, vector } = searched.unwrap_or_default();
        (self.first_that_serves(admitted, found, *wish).await, vector)
    }

    async fn first_that_serves(&self, admitted: &TaskAdmitted, found: Vec<Found>, wish: Wish) -> Option<TaskFinished> {
        for found in found {
            let source = self.bus.result(&admitted.task.team, found.task).await.ok()?;
            let now = Timestamp::now();
            let fact = source
                .and_then(|source| served(admitted, source, (found.kind, found.likeness), (wish.ttl_seconds, now)));
            if fact.is_some() {
                return fact;
            }
        }
        None
    }

    /// Ends the task with what was found.
    pub(super) async fn serve(
        &self,
        finished: &TaskFinished,
        (accept, cause): (&Accept, &Cause),
    ) -> Result<(), PublishError> {
        self.bus.finish(finished, accept, cause).await?;
        tracing::info!(task.id = %finished.id, "answered a task from the cache");
        Ok(())
    }

    /// Lets the task be found by those after it. Nobody waits for it.
    pub(super) async fn keep(
        &self,
        task: neptune_contracts::ids::TaskId,
        (print, wish): &Lookup,
        vector: Option<&[i8]>,
    ) {
        if let Err(error) = self.cache.keep(print, (*wish, vector), task).await {
            tracing::debug!(task.id = %task, %error, "the cache cannot be written");
        }
    }
}
