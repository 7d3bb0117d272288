//! A task has ended: what it cost is spent, what was held for it is free.

use super::budgets_of;
use crate::{Office, budget::Scope};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{finished::TaskFinished, ids::HoldId};
use std::{sync::Arc, time::Duration};

/// Before a settlement that Redis did not take is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Settles the task's hold, or counts its cost when none could be placed.
pub async fn handle(office: Arc<Office>, incoming: Incoming<TaskFinished>) -> Outcome {
    let finished = incoming.message;
    // What was never admitted holds no money and cost none.
    let Some(admission) = &finished.admission else { return Outcome::Done };
    let resources = office.resources.borrow().clone();
    // A hold settles into the period it was placed in.
    let scopes: Vec<Scope> = match &admission.hold {
        Some(hold) => hold.budgets.iter().map(|key| Scope { key: key.clone(), limit: hold.amount_usd }).collect(),
        None => budgets_of(&resources, &finished.team, admission.admitted_at).into_iter().map(|(_, _, scope)| scope).collect(),
    };
    if scopes.is_empty() {
        return Outcome::Done;
    }
    let id = admission.hold.as_ref().map_or_else(|| HoldId::derive(finished.id.0, "hold"), |hold| hold.id);
    match office.budgets.settle(id, finished.cost_usd, &scopes).await {
        Ok(_) => Outcome::Done,
        Err(error) => {
            tracing::warn!(task.id = %finished.id, %error, "not settled, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}
