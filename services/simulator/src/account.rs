//! What the simulator did: counters per model, and the last calls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::domain::behaviour::Fault;
use crate::domain::usage::Usage;

/// Counters of one model. They are read one by one, so a snapshot under traffic may be between two calls.
#[derive(Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    ended: AtomicU64,
    successes: AtomicU64,
    abandoned: AtomicU64,
    rate_limit: AtomicU64,
    server_error: AtomicU64,
    slow: AtomicU64,
    cut: AtomicU64,
    malformed: AtomicU64,
    refused: AtomicU64,
    prompt: AtomicU64,
    cached: AtomicU64,
    written: AtomicU64,
    completion: AtomicU64,
    reasoning: AtomicU64,
    cost_pico_usd: AtomicU64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Success,
    /// A correct answer that came late on purpose.
    Slow,
    RateLimit,
    ServerError,
    Cut,
    Malformed,
    /// Turned away for another reason: key, credit, length, content, model or fault of the request.
    Refused,
    /// The client went away first.
    Abandoned,
}

/// One model's account, or the sum of several.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Account {
    calls: u64,
    in_flight: u64,
    successes: u64,
    abandoned: u64,
    faults: FaultCounts,
    tokens: TokenCounts,
    #[serde(serialize_with = "as_text")]
    cost_pico_usd: u64,
}

#[derive(Debug, Default, Serialize)]
struct FaultCounts {
    rate_limit: u64,
    server_error: u64,
    slow: u64,
    cut: u64,
    malformed: u64,
    refused: u64,
}

/// Tokens as they were counted.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct TokenCounts {
    prompt: u64,
    cached: u64,
    written: u64,
    completion: u64,
    reasoning: u64,
}

/// One call as `/admin/calls` shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Call {
    /// Counts from 1, in the order calls began.
    pub(crate) number: u64,
    pub(crate) model: String,
    /// Equal for equal requests, in hexadecimal.
    pub(crate) digest: String,
    /// The client's `x-request-id`.
    pub(crate) request_id: Option<String>,
    /// The client's `idempotency-key`.
    pub(crate) idempotency_key: Option<String>,
    pub(crate) outcome: Outcome,
    /// What it was charged for; nothing unless it was answered correctly.
    pub(crate) tokens: TokenCounts,
    #[serde(serialize_with = "as_text")]
    pub(crate) cost_pico_usd: u64,
    pub(crate) started_at_unix_ms: u64,
    pub(crate) latency_us: u64,
}

/// The last calls that ended, oldest first.
pub(crate) struct Calls {
    kept: usize,
    last: Mutex<VecDeque<Call>>,
}

impl Outcome {
    pub(crate) fn of(fault: Option<Fault>) -> Self {
        match fault {
            None => Self::Success,
            Some(Fault::Slow) => Self::Slow,
            Some(Fault::RateLimit | Fault::RateLimitUntold) => Self::RateLimit,
            Some(Fault::ServerError) => Self::ServerError,
            Some(Fault::Cut | Fault::CutMidway) => Self::Cut,
            Some(Fault::Malformed) => Self::Malformed,
            Some(Fault::Stall) => Self::Abandoned,
            Some(
                Fault::Auth
                | Fault::Quota
                | Fault::ContextLength
                | Fault::Filter
                | Fault::UnknownModel
                | Fault::Invalid,
            ) => Self::Refused,
        }
    }
}

impl TokenCounts {
    pub(crate) fn of(usage: &Usage) -> Self {
        let Usage { prompt, cached, written, completion, reasoning } = *usage;
        Self { prompt, cached, written, completion, reasoning }
    }
}

impl Counters {
    pub(crate) fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Called once per begun call.
    pub(crate) fn end(&self, outcome: Outcome) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        let counter = match outcome {
            Outcome::Success | Outcome::Slow => &self.successes,
            Outcome::RateLimit => &self.rate_limit,
            Outcome::ServerError => &self.server_error,
            Outcome::Cut => &self.cut,
            Outcome::Malformed => &self.malformed,
            Outcome::Refused => &self.refused,
            Outcome::Abandoned => &self.abandoned,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.slow.fetch_add(u64::from(outcome == Outcome::Slow), Ordering::Relaxed);
    }

    /// Of an answer that is correct.
    pub(crate) fn charge(&self, usage: &Usage, cost_pico_usd: u64) {
        self.prompt.fetch_add(usage.prompt, Ordering::Relaxed);
        self.cached.fetch_add(usage.cached, Ordering::Relaxed);
        self.written.fetch_add(usage.written, Ordering::Relaxed);
        self.completion.fetch_add(usage.completion, Ordering::Relaxed);
        self.reasoning.fetch_add(usage.reasoning, Ordering::Relaxed);
        self.cost_pico_usd.fetch_add(cost_pico_usd, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Account {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Ends are read before beginnings, so that the difference is never negative.
        let ended = read(&self.ended);
        let calls = read(&self.calls);
        Account {
            calls,
            in_flight: calls.saturating_sub(ended),
            successes: read(&self.successes),
            abandoned: read(&self.abandoned),
            faults: FaultCounts {
                rate_limit: read(&self.rate_limit),
                server_error: read(&self.server_error),
                slow: read(&self.slow),
                cut: read(&self.cut),
                malformed: read(&self.malformed),
                refused: read(&self.refused),
            },
            tokens: TokenCounts {
                prompt: read(&self.prompt),
                cached: read(&self.cached),
                written: read(&self.written),
                completion: read(&self.completion),
                reasoning: read(&self.reasoning),
            },
            cost_pico_usd: read(&self.cost_pico_usd),
        }
    }
}

impl Account {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.in_flight += other.in_flight;
        self.successes += other.successes;
        self.abandoned += other.abandoned;
        self.faults.rate_limit += other.faults.rate_limit;
        self.faults.server_error += other.faults.server_error;
        self.faults.slow += other.faults.slow;
        self.faults.cut += other.faults.cut;
        self.faults.malformed += other.faults.malformed;
        self.faults.refused += other.faults.refused;
        self.tokens.prompt += other.tokens.prompt;
        self.tokens.cached += other.tokens.cached;
        self.tokens.written += other.tokens.written;
        self.tokens.completion += other.tokens.completion;
        self.tokens.reasoning += other.tokens.reasoning;
        self.cost_pico_usd += other.cost_pico_usd;
    }
}

impl Calls {
    pub(crate) fn new(kept: usize) -> Self {
        Self { kept, last: Mutex::default() }
    }

    /// Whether there is any use in describing a call.
    pub(crate) fn are_kept(&self) -> bool {
        self.kept > 0
    }

    pub(crate) fn push(&self, call: Call) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= self.kept {
            last.pop_front();
        }
        last.push_back(call);
    }

    /// The last `limit` of them, oldest first.
    pub(crate) fn last(&self, limit: usize) -> Vec<Call> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().skip(last.len().saturating_sub(limit)).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn as_text<S: serde::Serializer>(amount: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
