//! Something came to a run from outside.

use crate::{
    domain::run::course::Heard,
    runs::{RETRY, Runs, mailbox::Item},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::run::input::{RunInput, RunWish};
use std::sync::Arc;

/// Gives it to the run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunInput>) -> Outcome {
    let RunInput { run, team, id, what } = incoming.message;
    // A note for whoever makes the call, nothing for the run.
    if matches!(what, RunWish::Begun { .. }) {
        return Outcome::Done;
    }
    let key = (team, run);
    if what == RunWish::Retry {
        match runs.may_retry(&key, incoming.meta.stored_at).await {
            Ok(true) => {}
            Ok(false) => return Outcome::Done,
            Err(error) => {
                tracing::warn!(run.id = %run, error = &error as &dyn std::error::Error, "a run cannot be taken up again yet, trying again");
                return Outcome::Retry { after: RETRY };
            }
        }
    }
    let heard = Heard::Input { id, wish: what };
    runs.hear(key, Item { heard, delivered: incoming.meta.delivered, made_of: None }).await
}
