//! Something came to a run from outside.

use crate::{
    domain::run::course::Heard,
    runs::{Runs, mailbox::Item},
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
    let heard = Heard::Input { id, wish: what };
    runs.hear((team, run), Item { heard, delivered: incoming.meta.delivered, made_of: None }).await
}
