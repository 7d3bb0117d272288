//! An event of a team was published: every run that listens to it now hears it, and schedules may start others by it.

use crate::{
    domain::{
        run::course::Heard,
        schedule::{self, Happened},
    },
    runs::{
        RETRY, Runs,
        mailbox::{Item, Place},
        turns::Turn,
    },
};
use futures::future::join_all;
use neptune_bus::{Incoming, Meta, Outcome};
use neptune_contracts::{
    event::{ANY_KIND, EventPublished, kind_token},
    ids::RunId,
    names::Team,
    topology::StreamName,
};
use std::sync::Arc;

/// Runs that are told at a time.
const AT_ONCE: usize = 256;

/// The events of a team are heard in the order in which they were stored.
pub fn expect(runs: &Arc<Runs>, _: &Meta, parameters: &[String]) -> Turn {
    runs.turns.take(format!("event.{}", parameters.concat()))
}

/// Tells all runs that may want it, and starts what it starts. When it is handed out again, those that heard it do not
/// hear it twice, and what it started is the same run.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<EventPublished>, turn: Turn) -> Outcome {
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
    match tell(&runs, &team, &event, (&meta, turn)).await {
        Outcome::Done => runs.happened(&team, happened).await,
        outcome => outcome,
    }
}

async fn tell(runs: &Arc<Runs>, team: &Team, event: &EventPublished, (meta, turn): (&Meta, Turn)) -> Outcome {
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
    let place = Some(Place { stream: StreamName::Events, sequence: meta.sequence });
    let put = |run: &RunId| {
        let item = Item { place, ..Item::new(heard.clone(), meta.delivered) };
        runs.put((team.clone(), *run), item).outcome()
    };
    turn.come().await;
    let (mut turn, mut outcomes) = (Some(turn), Vec::new());
    let listeners: Vec<RunId> = listeners.into_iter().collect();
    let mut chunks = listeners.chunks(AT_ONCE).peekable();
    while let Some(chunk) = chunks.next() {
        let telling: Vec<_> = chunk.iter().map(put).collect();
        if chunks.peek().is_none() {
            turn.take();
        }
        outcomes.extend(join_all(telling).await);
    }
    outcomes.into_iter().find(|outcome| !matches!(outcome, Outcome::Done)).unwrap_or(Outcome::Done)
}
