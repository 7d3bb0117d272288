//! An event of a team was published: every run that listens to it now hears it.

use crate::{
    domain::run::course::Heard,
    runs::{RETRY, Runs, mailbox::Item},
};
use futures::{StreamExt as _, stream};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::event::{ANY_KIND, EventPublished, kind_token};
use std::sync::Arc;

/// Runs that are told at a time.
const AT_ONCE: usize = 256;

/// Tells all runs that may want it. Those that heard it already, when it is handed out again, do not hear it twice.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<EventPublished>) -> Outcome {
    let (event, delivered) = (incoming.message, incoming.meta.delivered);
    let Some(team) = event.team.clone() else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let listeners = match runs.bus.listeners(&team, &[&kind_token(&event.kind), ANY_KIND]).await {
        Ok(listeners) => listeners,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "nobody knows who listens to an event, trying again"
            );
            return Outcome::Retry { after: RETRY };
        }
    };
    let emitted_by = event.run.zip(event.step);
    let heard = Heard::Event { id: event.name(), event: event.to_value(), class: event.class, emitted_by };
    let telling = listeners.into_iter().map(|run| {
        let item = Item { heard: heard.clone(), delivered, made_of: None };
        runs.hear((team.clone(), run), item)
    });
    let outcomes: Vec<Outcome> = stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
    outcomes.into_iter().find(|outcome| !matches!(outcome, Outcome::Done)).unwrap_or(Outcome::Done)
}
