//! What is settled before a call is made: that there is room for it, and that it is known to have begun.

use super::{
    Attempts,
    call::{Ask, Begun},
    lock,
};
use crate::{
    domain::{
        failure::Failure,
        note::{self, is_repeatable},
        record,
        room::{Full, NoRoom, Want},
    },
    rooms::Place,
};
use neptune_contracts::{Timestamp, resource::ModelSpec};
use std::time::Duration;
use tokio::time::Instant;

/// The last model of a plan is waited for so long before the task is put off, for its provider's word too.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room that is not there for an unknown time is asked for half as often each time, down to 1 in 32 s.
const DOUBLINGS: u32 = 5;
/// Tasks that wait for the same moment come back over so long, for each time that they waited.
const SPREAD_MS: u64 = 1_000;

impl Attempts<'_> {
    /// A place for the call. Where another model may follow it is not waited for.
    pub(super) async fn place_in(&self, begun: &Begun<'_>, model: &ModelSpec, ask: &Ask<'_>) -> Result<Place, Failure> {
        let task = &self.routed.task;
        // Only a limit on tokens asks for an estimate of them.
        let tokens = model.limits.tokens_per_minute.map_or(0, |_| {
            let most = ask.input.output_limit().map_or(0, u64::from);
            ask.input.estimated_input_tokens().saturating_add(most)
        });
        let want = Want { lane: task.constraints.lane, tokens };
        let is_last = self.routed.plan.attempts.last().is_none_or(|last| last.model == begun.planned.model);
        let left = task.constraints.deadline.map(|deadline| deadline.micros_since(Timestamp::now()));
        let patience = left.map_or(PATIENCE, |us| Duration::from_micros(us / 4).min(PATIENCE));
        let patience = if is_last { patience } else { Duration::ZERO };
        let name = begun.planned.model.as_str();
        let waited = Instant::now();
        self.left_alone(name, patience).await?;
        let patience = patience.saturating_sub(waited.elapsed());
        let entered = self.caller.rooms.enter((name, model), want, patience).await;
        entered.map_err(|full| self.held_back(full))
    }

    /// Waits until the provider of `model` may be called by its own word, as far as `patience` goes.
    async fn left_alone(&self, model: &str, patience: Duration) -> Result<(), Failure> {
        let until = Instant::now() + patience;
        while let Some(for_ms) = self.caller.watch.asked_ms(model, Timestamp::now()) {
            let at = Instant::now() + Duration::from_millis(for_ms);
            if at > until {
                return Err(Failure::held_back(Full::Asked, for_ms));
            }
            tokio::time::sleep_until(at).await;
        }
        Ok(())
    }

    fn held_back(&self, full: NoRoom) -> Failure {
        let times = self.routed.task.parking().map_or(0, |parking| parking.times);
        let doublings = if full.cause.is_until_known() { 0 } else { times.min(DOUBLINGS) };
        let window_ms = SPREAD_MS * u64::from(times.min(9) + 1);
        let spread_ms = u64::try_from(self.routed.task.id.0.as_u128() % u128::from(window_ms)).unwrap_or(0);
        Failure::held_back(full.cause, (full.for_ms << doublings) + spread_ms)
    }

    /// Leaves word that the call begins, for whoever goes on with the task should this executor die.
    pub(super) async fn leave_note(&self, begun: &Begun<'_>, model: &ModelSpec, ask: &Ask<'_>) {
        let (planned, purpose) = (begun.planned, begun.purpose);
        let call = record::Call {
            id: begun.id,
            planned,
            model: Some(model),
            purpose,
            started_at: Timestamp::now(),
            latency_us: 0,
        };
        let attempt = record::attempt(&call, ask.input, &Err(Failure::lost()));
        let is_repeatable = is_repeatable(model.provider, purpose, begun.outlet.is_some());
        self.note_that(note::Begun { attempt, is_repeatable }).await;
    }

    /// Leaves word of a call that is under way, in place of what was left of it before.
    pub(super) async fn note_that(&self, begun: note::Begun) {
        let note = {
            let mut note = lock(&self.note);
            note.begins(begun);
            note.clone()
        };
        let task = &self.routed.task;
        if let Err(error) = self.caller.bus.note((&task.team, task.id), &note).await {
            // Without it a crash is not seen in the fact; the call itself can be made.
            tracing::debug!(task.id = %task.id, error = &error as &dyn std::error::Error, "no note was left of a call");
        }
    }
}
