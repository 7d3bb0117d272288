//! A parked task's time has come: it is admitted anew, by the policy and the budgets of now.

use super::task_submitted::{Governed, settled};
use crate::{Office, domain::admit::expired};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{Timestamp, parked::TaskResumed};
use std::sync::Arc;

/// Admits or rejects a task that has waited. Its hold is found again, or made again when it expired
/// meanwhile.
pub async fn handle(office: Arc<Office>, incoming: Incoming<TaskResumed>) -> Outcome {
    let cause = incoming.cause();
    let Some(accept) = incoming.accept().cloned() else {
        return Outcome::Reject { reason: "the task came without its accept".into() };
    };
    let (now, policy) = (Timestamp::now(), office.policy.load_full());
    let task = incoming.message.task.resumed(incoming.meta.stored_at);
    let id = task.id;
    let done = match expired(&task.constraints, now) {
        Some((outcome, error)) => {
            office.refuse(&task, outcome, error, &accept, &cause).await.map(|()| Governed::PassedOn)
        }
        None => office.govern(task, &policy, now, (&accept, &cause)).await,
    };
    settled(done, id)
}
