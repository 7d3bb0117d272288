//! Something came to a run from outside.

use crate::{
    domain::run::course::Heard,
    runs::{
        RETRY, Runs,
        mailbox::{Item, Place},
        turns::Turn,
    },
};
use neptune_bus::{Incoming, Meta, Outcome};
use neptune_contracts::{
    run::input::{RunInput, RunWish},
    topology::StreamName,
};
use std::sync::Arc;

/// What comes to a run from outside is heard in the order in which it was stored.
pub fn expect(runs: &Arc<Runs>, _: &Meta, parameters: &[String]) -> Turn {
    let run = parameters.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(".");
    runs.turns.take(format!("input.{run}"))
}

/// Gives it to the run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunInput>, turn: Turn) -> Outcome {
    let RunInput { run, team, id, what } = incoming.message;
    // A note for whoever makes the call, nothing for the run.
    if matches!(what, RunWish::Begun { .. }) {
        return Outcome::Done;
    }
    let key = (team, run);
    turn.come().await;
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
    let place = Some(Place { stream: StreamName::Runs, sequence: incoming.meta.sequence });
    let put = runs.put(key, Item { place, ..Item::new(heard, incoming.meta.delivered) });
    drop(turn);
    put.outcome().await
}
