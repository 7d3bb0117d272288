//! What a finished task settles.

use super::{budget::hold_name, policy::Policy};
use neptune_contracts::{PicoUsd, Timestamp, finished::TaskFinished};

/// Where the finished fact of a task stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence.
    pub sequence: u64,
    /// When the broker stored it. Tells it from one of an earlier stream that had the same sequence.
    pub at: Timestamp,
}

/// A cost to be counted once, in place of what was held for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The hold's name.
    pub hold: String,
    /// What was spent.
    pub cost: PicoUsd,
    /// Where it is counted when the hold is not known any more, or never was: `<budget>:<period>`.
    pub scopes: Vec<String>,
    /// The fact that says so.
    pub stored: Stored,
}

/// What `finished` settles; nothing when no budget is concerned. Also a refused task settles, at
/// no cost: an earlier delivery of it, or a reserve whose answer was lost, may have held money.
#[must_use]
pub fn settlement(finished: &TaskFinished, stored: Stored, policy: &Policy) -> Option<Settlement> {
    let admission = finished.admission.as_ref();
    let scopes: Vec<String> = match admission.and_then(|admission| admission.hold.as_ref()) {
        Some(hold) => hold.budgets.clone(),
        None => {
            // It is counted in the period in which it was let go on.
            let at = admission.map_or(finished.times.submitted_at, |admission| admission.admitted_at);
            policy.team(&finished.team)?.budgets.iter().map(|budget| budget.scope(at).key).collect()
        }
    };
    let hold = hold_name(&finished.team, finished.origin, finished.id);
    (!scopes.is_empty()).then(|| Settlement { hold, cost: finished.cost_usd.max(PicoUsd::ZERO), scopes, stored })
}
