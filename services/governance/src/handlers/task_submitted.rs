//! A task was submitted: check it, decide, hold the money, sign, pass it on.

use super::budgets_of;
use crate::{
    Office,
    budget::{Reserved, Scope},
    domain::{
        admit::{Decision, check_form, decide, refusal},
        period::resets,
    },
};
use neptune_bus::{Accept, Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Hold, Task, TaskAdmitted},
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    ids::{HoldId, TaskId},
    resource::{OnOutage, Resources},
    task::TaskSubmitted,
};
use std::{sync::Arc, time::Duration};

/// A task refused because a budget cannot be read may be sent again after this time.
const OUTAGE_RETRY_MS: u64 = 2_000;
/// Before a message that could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Admits or rejects a task.
pub async fn handle(office: Arc<Office>, incoming: Incoming<TaskSubmitted>) -> Outcome {
    let cause = incoming.cause();
    let Some(accept) = incoming.accept().cloned() else {
        return Outcome::Reject { reason: "the task came without its accept".into() };
    };
    let now = Timestamp::now();
    let form = check_form(&incoming.message, now);
    let stored_id = TaskId::of_stored(&incoming.meta.stream, incoming.meta.sequence);
    let Some(task) = incoming.message.settle(stored_id, incoming.meta.stored_at) else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let id = task.id;
    let done = match form {
        Err((outcome, error)) => office.refuse(&task, outcome, error, &accept, &cause).await,
        Ok(()) => office.govern(task, now, &accept, &cause).await,
    };
    match done {
        Ok(()) => Outcome::HandedOn,
        Err(error) => {
            tracing::warn!(task.id = %id, error = &error as &dyn std::error::Error, "not passed on, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}

impl Office {
    async fn govern(&self, task: Task, now: Timestamp, accept: &Accept, cause: &Cause) -> Result<(), PublishError> {
        let resources = self.resources.borrow().clone();
        let (mut admission, ceiling) = match decide(&task, &resources, now) {
            Decision::Admit { admission, ceiling } => (*admission, ceiling),
            Decision::Refuse(outcome, error) => return self.refuse(&task, outcome, error, accept, cause).await,
        };
        match self.hold(&task, &admission, ceiling, &resources).await {
            Ok(hold) => admission.hold = hold,
            Err(error) => return self.refuse(&task, TaskOutcome::Rejected, error, accept, cause).await,
        }
        self.signer.sign(&task, &mut admission).map_err(PublishError::Encode)?;
        self.bus.publish(&TaskAdmitted { task, admission }, cause).await?;
        Ok(())
    }

    /// Reserves the most the task can cost in every budget it is counted against.
    async fn hold(&self, task: &Task, admission: &Admission, amount: PicoUsd, resources: &Resources) -> Result<Option<Hold>, TaskError> {
        let budgets = budgets_of(resources, &task.team, admission.admitted_at);
        if budgets.is_empty() {
            return Ok(None);
        }
        let scopes: Vec<Scope> = budgets.iter().map(|(_, _, scope)| scope.clone()).collect();
        let id = HoldId::derive(task.id.0, "hold");
        // A hold outlives the admission a little, so that a task finished in its last moment is settled.
        let expires_at = admission.expires_at.plus_millis(60_000);
        match self.budgets.reserve(id, amount, expires_at, &scopes).await {
            Ok(Reserved::Held) => {
                Ok(Some(Hold { id, amount_usd: amount, budgets: scopes.into_iter().map(|scope| scope.key).collect() }))
            }
            Ok(Reserved::Exceeded { index, spent, held }) => {
                let exceeded = budgets.get(index).map(|(name, budget, _)| {
                    format!(
                        "budget {name} is exceeded: limit {} US dollars, spent {spent}, held {held}, this task up to {amount}; it resets {}",
                        budget.limit_usd,
                        resets(budget.period)
                    )
                });
                Err(refusal("budget_exceeded", &exceeded.unwrap_or_default()))
            }
            Err(error) => {
                tracing::warn!(%error, "budgets cannot be read");
                let denied = budgets.iter().find(|(_, budget, _)| budget.on_outage == OnOutage::Deny);
                denied.map_or(Ok(None), |(name, _, _)| {
                    let text = format!("budget {name} cannot be read at the moment; send the task again");
                    Err(TaskError { retry_after_ms: Some(OUTAGE_RETRY_MS), ..refusal("budget_unavailable", &text) })
                })
            }
        }
    }

    async fn refuse(&self, task: &Task, outcome: TaskOutcome, error: TaskError, accept: &Accept, cause: &Cause) -> Result<(), PublishError> {
        tracing::info!(task.id = %task.id, team = %task.team, code = error.code, "rejected");
        let finished = TaskFinished::without_attempts(task, outcome, error, Timestamp::now());
        self.bus.finish(&finished, accept, cause).await?;
        Ok(())
    }
}
