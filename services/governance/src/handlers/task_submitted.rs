//! A task was submitted: check it, decide, hold the money, sign, pass it on.

use crate::{
    Office,
    budget::Reserved,
    domain::{
        admit::{Decision, check_form, decide, refusal},
        budget::{
            Budget, OUTAGE_RETRY_MS, Scope, UNAVAILABLE, exceeded, hold_expiry, hold_id, hold_name, unavailable, waits,
        },
        pace::pace,
        policy::Policy,
    },
};
use neptune_bus::{Accept, Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, BudgetPace, Hold, Task, TaskAdmitted},
    fingerprint::{Fingerprint, input_sum},
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    ids::TaskId,
    task::TaskSubmitted,
};
use redis::RedisError;
use std::{sync::Arc, time::Duration};

/// Before a message that could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts to fill an incomplete budget: one may be under way that does not know of it yet.
const ATTEMPTS: usize = 2;

/// Admits or rejects a task.
pub async fn handle(office: Arc<Office>, incoming: Incoming<TaskSubmitted>) -> Outcome {
    let cause = incoming.cause();
    let Some(accept) = incoming.accept().cloned() else {
        return Outcome::Reject { reason: "the task came without its accept".into() };
    };
    let (now, policy) = (Timestamp::now(), office.policy.load_full());
    let mut submitted = incoming.message;
    let form = check_form(&submitted, &policy, now);
    if submitted.fingerprint.is_none() {
        submitted.fingerprint = Some(Box::new(Fingerprint::besides_input(&submitted)));
    }
    let stored_id = TaskId::of_stored(&incoming.meta.stream, incoming.meta.sequence);
    let Some(task) = submitted.settle(stored_id, incoming.meta.stored_at) else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let id = task.id;
    let done = match form {
        Err((outcome, error)) => {
            office.refuse(&task, outcome, error, &accept, &cause).await.map(|()| Governed::PassedOn)
        }
        Ok(()) => office.govern(task, &policy, now, (&accept, &cause)).await,
    };
    settled(done, id)
}

/// What was done with a task.
pub(super) enum Governed {
    /// It was passed on, or has ended.
    PassedOn,
    /// It waits until its budgets can be read.
    Waits(Duration),
}

/// What becomes of a task's message after it was passed on, or was not.
pub(super) fn settled(done: Result<Governed, PublishError>, id: TaskId) -> Outcome {
    match done {
        Ok(Governed::PassedOn) => Outcome::HandedOn,
        Ok(Governed::Waits(after)) => Outcome::Retry { after },
        Err(error @ (PublishError::TooLarge { .. } | PublishError::Encode(_))) => {
            Outcome::Reject { reason: error.to_string() }
        }
        Err(error) => {
            tracing::warn!(task.id = %id, error = &error as &dyn std::error::Error, "not passed on, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}

impl Office {
    /// Admits or refuses a task whose form is right, or lets it wait.
    pub(super) async fn govern(
        &self,
        task: Task,
        policy: &Policy,
        now: Timestamp,
        (accept, cause): (&Accept, &Cause),
    ) -> Result<Governed, PublishError> {
        let held = match decide(&task, policy, now) {
            Decision::Refuse(outcome, error) => Err((outcome, error)),
            Decision::Admit { admission, ceiling, budgets } => {
                let held = self.hold(&task, &admission, ceiling, budgets).await;
                let pace = if held.is_ok() { self.pace(budgets, now).await } else { Vec::new() };
                held.map(|hold| Admission { hold, pace, ..*admission }).map_err(|error| (TaskOutcome::Rejected, error))
            }
        };
        match held {
            Ok(mut admission) => {
                self.signer.sign(&task, &mut admission).map_err(PublishError::Encode)?;
                self.bus.hand_on(&TaskAdmitted { task, admission }, cause).await?;
            }
            Err((_, error)) if error.code == UNAVAILABLE && waits(accept.is_awaited(), accept.delivery()) => {
                return Ok(Governed::Waits(Duration::from_millis(OUTAGE_RETRY_MS.saturating_mul(accept.delivery()))));
            }
            Err((outcome, error)) => self.refuse(&task, outcome, error, accept, cause).await?,
        }
        Ok(Governed::PassedOn)
    }

    /// Reserves the most the task can cost in every budget it is counted against.
    async fn hold(
        &self,
        task: &Task,
        admission: &Admission,
        ceiling: PicoUsd,
        budgets: &[Budget],
    ) -> Result<Option<Hold>, TaskError> {
        if budgets.is_empty() {
            return Ok(None);
        }
        let scopes: Vec<Scope> = budgets.iter().map(|budget| budget.scope(admission.admitted_at)).collect();
        let name = hold_name(&task.team, task.origin, task.id);
        match self.reserve(&name, ceiling, hold_expiry(admission), &scopes).await {
            Ok(Reserved::Held { amount }) => {
                let budgets = scopes.into_iter().map(|scope| scope.key).collect();
                Ok(Some(Hold { id: hold_id(task.id), amount_usd: amount, budgets }))
            }
            Ok(Reserved::Exceeded { index, counts }) => match budgets.get(index) {
                Some(budget) => Err(exceeded(budget, counts, ceiling, admission.admitted_at)),
                None => Err(refusal("budget_exceeded", "a budget would be exceeded")),
            },
            // Its fact is stored, so this refusal is dropped and the accept comes to its end.
            Ok(Reserved::Settled) => {
                Err(refusal("already_finished", "a task with this id has ended; send new work under a new id"))
            }
            Ok(Reserved::Incomplete) => {
                tracing::warn!(task.id = %task.id, "budgets do not know yet what was spent");
                unavailable(budgets).map_or(Ok(None), Err)
            }
            Err(error) => {
                tracing::warn!(task.id = %task.id, %error, "budgets cannot be read");
                unavailable(budgets).map_or(Ok(None), Err)
            }
        }
    }

    /// How the budgets that are to be kept in step stand. While they cannot be read the task goes on
    /// without, as it does for a team that has none.
    async fn pace(&self, budgets: &[Budget], now: Timestamp) -> Vec<BudgetPace> {
        let paced: Vec<&Budget> = budgets.iter().filter(|budget| budget.pace).collect();
        if paced.is_empty() {
            return Vec::new();
        }
        let scopes: Vec<Scope> = paced.iter().map(|budget| budget.scope(now)).collect();
        let counts = self.budgets.read(&scopes).await.ok().flatten().unwrap_or_default();
        paced.into_iter().zip(counts).filter_map(|(budget, counts)| pace(budget, counts, now)).collect()
    }

    /// Reserves; where a budget is incomplete, again after attempts to fill it.
    async fn reserve(
        &self,
        name: &str,
        amount: PicoUsd,
        expires_at: Timestamp,
        scopes: &[Scope],
    ) -> Result<Reserved, RedisError> {
        let mut reserved = self.budgets.reserve(name, amount, expires_at, scopes).await?;
        for _ in 0..ATTEMPTS {
            if reserved != Reserved::Incomplete || !self.rebuild.attempt().await {
                break;
            }
            reserved = self.budgets.reserve(name, amount, expires_at, scopes).await?;
        }
        Ok(reserved)
    }

    pub(super) async fn refuse(
        &self,
        task: &Task,
        outcome: TaskOutcome,
        error: TaskError,
        accept: &Accept,
        cause: &Cause,
    ) -> Result<(), PublishError> {
        tracing::info!(task.id = %task.id, team = %task.team, code = error.code, "rejected");
        let mut finished = TaskFinished::without_attempts(task, outcome, error, Timestamp::now());
        // Of an admitted task the admission has it.
        if let Some(fingerprint) = &mut finished.fingerprint {
            fingerprint.input = fingerprint.input.take().or_else(|| input_sum(&task.input));
        }
        self.bus.finish(&finished, accept, cause).await.map(drop)
    }
}
