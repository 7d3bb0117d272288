//! The time of a run's timer has come.

use crate::{
    domain::run::course::Heard,
    runs::{Runs, mailbox::Item},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::run::timer::RunFired;
use std::sync::Arc;

/// Tells the run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunFired>) -> Outcome {
    let RunFired { run, team, timer, .. } = incoming.message;
    let heard = Heard::Fired { timer };
    runs.hear((team, run), Item::new(heard, incoming.meta.delivered)).await
}
