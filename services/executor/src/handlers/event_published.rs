//! An event of a team was published: every run that listens to it now hears it, and schedules may start others by it.

use crate::{
    domain::{
        run::course::Heard,
        schedule::{self, Happened},
    },
    runs::{RETRY, Runs, mailbox::Item},
};
use futures::{StreamExt as _, stream};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{
    event::{ANY_KIND, EventPublished, kind_token},
    names::Team,
};
use std::sync::Arc;

/// Runs that are told at a time.
const AT_ONCE: usize = 256;

/// Tells all runs that may want it, and starts what it starts. When it is handed out again, those that heard it do not
/// hear it twice, and what it started is the same run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<EventPublished>) -> Outcome {
    let (event, meta) = (incoming.message, incoming.meta);
    let Some(team) = event.team.clone() else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let happened = Happened {
        key: schedule::key_of(&team, &event.name()),
        event: event.to_value(),
        at_ms: schedule::ms_of(meta.stored_at),
        hops: event.hops,
    };
    match tell(&runs, &team, &event, meta.delivered).await {
        Outcome::Done => runs.happened(&team, happened).await,
        outcome => outcome,
    }
}

async fn tell(runs: &Arc<Runs>, team: &Team, event: &EventPublished, delivered: u64) -> Outcome {
    let listeners = match runs.bus.listeners(team, &[&kind_token(&event.kind), ANY_KIND]).await {
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
