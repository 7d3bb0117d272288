//! What this executor saw of models in the last seconds, and which attempts of a plan that makes
//! pointless. The router knows more, and later: a backlog that was routed before an outage would call
//! the dead model once a task.

use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    plan::{Plan, Removed, Strategy},
};

/// So many failures in a row, each within [`FORGOTTEN_AFTER_MS`] of the one before, bar a model.
const FAILURES_TO_BAR: u32 = 5;
/// A failure says nothing any more after this time.
const FORGOTTEN_AFTER_MS: u64 = 10_000;
/// For so long a model is barred that fails.
const FAILING_MS: i64 = 5_000;
/// A credential that is refused, or out of credit, is not mended in a moment.
const CREDENTIAL_MS: i64 = 60_000;
/// A provider that refuses for its rate limit and does not say for how long.
const RATE_LIMIT_MS: i64 = 1_000;
/// A provider's Retry-After beyond this is not taken at its word.
const LONGEST_MS: u64 = 600_000;

/// What was seen of a model, or of a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    consecutive: u32,
    failed_at: Option<Timestamp>,
    bar: Option<Bar>,
    asked: Option<Asked>,
}

/// A provider's wish to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// When it came.
    at: Timestamp,
    bar: Bar,
}

/// Calls would surely fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Until then.
    pub until: Timestamp,
    /// As the last one did.
    pub cause: ErrorClass,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// There is something to try.
    Open,
    /// All models are at their rate limits, the first of them for so many milliseconds more.
    AllLimited {
        /// The milliseconds.
        for_ms: u64,
    },
}

/// Whether a failure is one of the credential rather than of the model.
#[must_use]
pub fn is_of_credential(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Auth | ErrorClass::Quota)
}

impl Sight {
    /// Takes in how an attempt went.
    pub fn saw(&mut self, attempt: &Attempt) {
        let latency_ms = i64::try_from(attempt.latency_us / 1_000).unwrap_or(0);
        let at = attempt.started_at.plus_millis(latency_ms);
        match &attempt.error {
            None => self.answered(attempt.started_at, at),
            Some(error) => self.failed(error.class, error.retry_after_ms, at),
        }
        let spent = attempt.limits.iter().filter_map(|limits| limits.requests).find(|window| window.remaining == 0);
        if let Some(window) = spent {
            self.left_alone_until(window.resets_at, ErrorClass::RateLimit, at);
        }
    }

    fn answered(&mut self, began_at: Timestamp, at: Timestamp) {
        // One that ended before the last failure says nothing about the time after it.
        if self.failed_at.is_none_or(|failed_at| failed_at < at) {
            (self.consecutive, self.bar) = (0, None);
        }
        // One that had begun before the provider asked to be left alone does not take that back.
        if self.asked.is_some_and(|asked| asked.at < began_at) {
            self.asked = None;
        }
    }

    fn failed(&mut self, class: ErrorClass, retry_after_ms: Option<u64>, at: Timestamp) {
        let asked = retry_after_ms.filter(|ms| *ms > 0).map(|ms| i64::try_from(ms.min(LONGEST_MS)).unwrap_or(0));
        let for_ms = match class {
            // The task's own failure says nothing about the model.
            ErrorClass::ContextLength
            | ErrorClass::Refusal
            | ErrorClass::BadRequest
            | ErrorClass::Unsupported
            | ErrorClass::Cancelled => {
                return;
            }
            ErrorClass::Auth | ErrorClass::Quota => Some(CREDENTIAL_MS.max(asked.unwrap_or(0))),
            ErrorClass::RateLimit => Some(RATE_LIMIT_MS).filter(|_| asked.is_none()),
            ErrorClass::Timeout | ErrorClass::Overload | ErrorClass::Malformed | ErrorClass::Network => None,
        };
        if let Some(asked_ms) = asked.filter(|_| !is_of_credential(class)) {
            self.left_alone_until(at.plus_millis(asked_ms), class, at);
        }
        let is_forgotten =
            self.failed_at.is_some_and(|failed_at| at.micros_since(failed_at) > FORGOTTEN_AFTER_MS * 1_000);
        self.consecutive = if is_forgotten { 1 } else { self.consecutive.saturating_add(1) };
        self.failed_at = self.failed_at.max(Some(at));
        let is_failing = self.consecutive >= FAILURES_TO_BAR && asked.is_none();
        let until = for_ms.or(is_failing.then_some(FAILING_MS)).map(|for_ms| at.plus_millis(for_ms));
        if let Some(until) = until.filter(|until| self.bar.is_none_or(|bar| bar.until < *until)) {
            self.bar = Some(Bar { until, cause: class });
        }
    }

    fn left_alone_until(&mut self, until: Timestamp, cause: ErrorClass, at: Timestamp) {
        if self.asked.is_none_or(|asked| asked.bar.until < until) {
            self.asked = Some(Asked { at, bar: Bar { until, cause } });
        }
    }

    /// The bar that holds at `now`: the provider's own word before what was seen.
    #[must_use]
    pub fn bar(&self, now: Timestamp) -> Option<Bar> {
        self.asked(now).or(self.bar.filter(|bar| bar.until > now))
    }

    /// The bar that the provider itself asked for, by a Retry-After or by saying that its window is spent. It is kept
    /// whatever else could be called.
    #[must_use]
    pub fn asked(&self, now: Timestamp) -> Option<Bar> {
        self.asked.map(|asked| asked.bar).filter(|bar| bar.until > now)
    }
}

/// Takes the attempts out of `plan` whose models are barred, given in the plan's order, as long as
/// another remains, and notes each in the plan's explanation. A plan whose attempts belong together is
/// left as it is. Where none remains what was seen gives way, because it may be over; a provider's own word does not,
/// which is looked at before each call ([`Sight::asked`]).
pub fn thin(plan: &mut Plan, bars: &[Option<Bar>], now: Timestamp) -> Outlook {
    let barred: Vec<Bar> = bars.iter().copied().flatten().collect();
    if barred.len() < plan.attempts.len() {
        if !barred.is_empty() && plan.strategy == Strategy::Fallback {
            take_out(plan, bars, now);
        }
        return Outlook::Open;
    }
    let soonest = barred.iter().map(|bar| bar.until).min();
    match soonest.filter(|_| barred.iter().all(|bar| bar.cause == ErrorClass::RateLimit)) {
        Some(until) => Outlook::AllLimited { for_ms: until.micros_since(now).div_ceil(1_000) },
        None => Outlook::Open,
    }
}

fn take_out(plan: &mut Plan, bars: &[Option<Bar>], now: Timestamp) {
    let mut kept = Vec::with_capacity(plan.attempts.len());
    for (planned, bar) in plan.attempts.drain(..).zip(bars) {
        match bar {
            None => kept.push(planned),
            Some(bar) => {
                let for_ms = bar.until.micros_since(now) / 1_000;
                let reason = format!(
                    "it was planned, and not called: the executor saw it fail a moment ago ({}), so it is left alone for {for_ms} ms more",
                    bar.cause
                );
                plan.explanation.removed.push(Removed { model: planned.model, by: "executor".to_owned(), reason });
            }
        }
    }
    plan.attempts = kept;
}

#[cfg(test)]
mod tests;
