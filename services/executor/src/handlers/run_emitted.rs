//! A run emitted an event: schedules of the same team may start runs by it.

use crate::{
    domain::schedule::{self, Happened},
    runs::Runs,
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::run::emitted::RunEmitted;
use std::sync::Arc;

/// Starts what the event starts.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunEmitted>) -> Outcome {
    let RunEmitted { team, event, hops, .. } = incoming.message;
    let at_ms = schedule::ms_of(incoming.meta.stored_at);
    let happened = Happened { key: schedule::key_of(&team, &event), event, at_ms, hops };
    runs.happened(&team, happened).await
}
