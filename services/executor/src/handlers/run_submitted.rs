//! A run was submitted: it begins, by the definition that is in force now.

use crate::runs::{Runs, starting::Asked};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{ids::RunId, run::RunSubmitted};
use std::sync::Arc;

/// Begins the run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunSubmitted>) -> Outcome {
    let Some(team) = incoming.message.team.clone() else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let stored_id = RunId::of_stored(&incoming.meta.stream, incoming.meta.sequence);
    let id = incoming.message.id.unwrap_or(stored_id);
    let reply_to = incoming.caller_inbox(&runs.bus, &team);
    let (delivered, stored_at) = (incoming.meta.delivered, incoming.meta.stored_at);
    runs.start(Asked { submitted: incoming.message, team, id, reply_to, stored_at, delivered }).await
}
