//! What is left behind of an answer that comes in pieces: should this executor die, whoever goes on with the task knows
//! that pieces were passed on, so that no other answer may follow them, and about how much of it came.

use super::{
    Attempts,
    call::{Ask, Begun},
};
use crate::{
    domain::{
        failure::{Billed, Failure},
        note, record,
    },
    outlet::Outlet,
};
use neptune_contracts::resource::ModelSpec;
use std::{convert::Infallible, time::Duration};

/// Word of how far an answer came is left so often after the first piece.
const EVERY: Duration = Duration::from_secs(5);

impl Attempts<'_> {
    /// Leaves word of the pieces of an answer, from the first one on; never ends.
    pub(super) async fn note_pieces(
        &self,
        begun: &Begun<'_>,
        (model, outlet): (&ModelSpec, &Outlet),
        ask: &Ask<'_>,
    ) -> Infallible {
        outlet.first().await;
        loop {
            let failure = Failure::lost().billed(Billed::UpTo(outlet.tokens()));
            let call = record::Call {
                id: begun.id,
                planned: begun.planned,
                model: Some(model),
                purpose: begun.purpose,
                started_at: begun.started_at,
                latency_us: begun.elapsed_us(),
            };
            let mut attempt = record::attempt(&call, ask.input, &Err(failure));
            (attempt.chunks, attempt.first_token_us) = outlet.passed();
            self.note_that(note::Begun { attempt, is_repeatable: false }).await;
            tokio::time::sleep(EVERY).await;
        }
    }
}
