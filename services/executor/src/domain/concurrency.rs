//! How many calls an endpoint stands at a time: additive increase, multiplicative decrease
//! (Chiu and Jain, 1989), by what its calls tell.

use neptune_contracts::Timestamp;

/// Where it starts: open, because an endpoint that never complained is not held back.
pub const MOST: f64 = 4_096.0;
/// It never falls below; an endpoint that fails altogether is the circuit breakers' affair.
pub const LEAST: f64 = 4.0;
/// What is left of it when the endpoint is overloaded.
const CUT: f64 = 0.7;
/// So much of what is known is replaced by each call's word.
const WEIGHT: f64 = 0.05;
/// And so much of what is usual, which changes more slowly than an overload comes.
const USUAL_WEIGHT: f64 = 0.01;
/// This share of overloaded calls is more than a stray failure.
const OVERLOADED_SHARE: f64 = 0.2;
/// A share that has just led to a cut starts again from here.
const SHARE_AFTER_CUT: f64 = 0.05;
/// So many times slower than usual is overload.
const SLOWER: f64 = 3.0;
/// A quicker answer is not slow, whatever is usual: where all share a busy machine, seconds say nothing of one
/// endpoint.
const SLOW_US: u64 = 5_000_000;

/// The limit on calls at a time of one endpoint, as one executor sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concurrency {
    limit: f64,
    overloaded_share: f64,
    usual_us_per_token: Option<f64>,
    cut_at: Option<Timestamp>,
}

/// A call that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When it began.
    pub began_at: Timestamp,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// Tokens of its answer; 0 when there is none.
    pub output_tokens: u64,
    /// Whether the endpoint failed or did not answer in time.
    pub is_overloaded: bool,
    /// Calls that were under way at its end, itself included.
    pub in_flight: u64,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { limit: MOST, overloaded_share: 0.0, usual_us_per_token: None, cut_at: None }
    }
}

impl Concurrency {
    /// Calls that may be under way at a time.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between LEAST and MOST")]
    pub fn limit(&self) -> u64 {
        self.limit as u64
    }

    /// Takes in a call that ended.
    pub fn ended(&mut self, call: &Ended) {
        let is_overloaded = call.is_overloaded || self.is_slow(call);
        self.overloaded_share += (f64::from(u8::from(is_overloaded)) - self.overloaded_share) * WEIGHT;
        // A call that began before the last cut says how it was then.
        let is_news = self.cut_at.is_none_or(|cut_at| cut_at < call.began_at);
        if is_overloaded && is_news && self.overloaded_share > OVERLOADED_SHARE {
            self.cut(call);
        } else if !is_overloaded && count(call.in_flight) * 2.0 >= self.limit {
            // One more for each round of calls, and only where the limit is made use of.
            self.limit = (self.limit + 1.0 / self.limit).min(MOST);
        }
    }

    /// From what was under way, when that was less: an endpoint that fails at 20 does not stand 2,000.
    fn cut(&mut self, call: &Ended) {
        self.limit = (self.limit.min(count(call.in_flight)) * CUT).max(LEAST);
        self.overloaded_share = SHARE_AFTER_CUT;
        let latency_ms = i64::try_from(call.latency_us / 1_000).unwrap_or(0);
        self.cut_at = Some(call.began_at.plus_millis(latency_ms));
    }

    /// Whether an answer took much longer than usual for its length.
    fn is_slow(&mut self, call: &Ended) -> bool {
        if call.output_tokens == 0 {
            return false;
        }
        // Short answers take as long as their first token.
        let us_per_token = count(call.latency_us) / count(call.output_tokens.max(16));
        let usual = *self.usual_us_per_token.get_or_insert(us_per_token);
        let is_slow = call.latency_us >= SLOW_US && us_per_token > usual * SLOWER;
        // What lasts becomes usual, so that an endpoint that is slow for good is not held back for ever.
        self.usual_us_per_token = Some(usual + (us_per_token.min(usual * SLOWER * 2.0) - usual) * USUAL_WEIGHT);
        is_slow
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
