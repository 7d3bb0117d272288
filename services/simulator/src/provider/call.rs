use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Model, Provider};
use crate::account::{Call, Outcome, TokenCounts};
use crate::domain::usage::Usage;

/// How a client names its call.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// A call that has begun. Dropping it before its end counts it as abandoned: the server drops a handler when its
/// client goes away.
pub(crate) struct Running {
    pub(crate) number: u64,
    provider: Arc<Provider>,
    model: Arc<Model>,
    digest: u64,
    caller: Caller,
    started_at: SystemTime,
    started: Instant,
    outcome: Outcome,
    /// What was answered, and what it costs.
    charged: Option<(Usage, u64)>,
}

impl Running {
    pub(crate) fn begin(provider: &Arc<Provider>, model: &Arc<Model>, digest: u64, caller: Caller) -> Self {
        model.counters.begin();
        Self {
            number: provider.next_number(),
            provider: Arc::clone(provider),
            model: Arc::clone(model),
            digest,
            caller,
            started_at: SystemTime::now(),
            started: Instant::now(),
            outcome: Outcome::Abandoned,
            charged: None,
        }
    }

    pub(crate) fn started_at_unix_ms(&self) -> u64 {
        let since = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A correct answer.
    pub(crate) fn answered(self, outcome: Outcome, usage: &Usage) {
        self.answered_for(outcome, usage, 100);
    }

    /// The same, charged in percent of the price.
    pub(crate) fn answered_for(mut self, outcome: Outcome, usage: &Usage, price_percent: u64) {
        let cost = self.model.behaviour.price.map_or(0, |price| price.of_percent(usage, price_percent));
        self.model.counters.charge(usage, cost);
        (self.outcome, self.charged) = (outcome, Some((*usage, cost)));
    }

    /// Anything else.
    pub(crate) fn failed(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.model.counters.end(self.outcome);
        if self.provider.calls.are_kept() {
            let (usage, cost_pico_usd) = self.charged.unwrap_or_default();
            self.provider.calls.push(Call {
                number: self.number,
                model: self.model.name.as_ref().to_owned(),
                digest: format!("{:016x}", self.digest),
                request_id: self.caller.request_id.take(),
                idempotency_key: self.caller.idempotency_key.take(),
                outcome: self.outcome,
                tokens: TokenCounts::of(&usage),
                cost_pico_usd,
                started_at_unix_ms: self.started_at_unix_ms(),
                latency_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            });
        }
    }
}
