//! How many calls an endpoint stands at a time: additive increase, multiplicative decrease (Chiu and Jain, 1989), by
//! what its calls tell.
//!
//! A call is strained when it was refused for the rate, failed, broke, timed out, or took much longer than the endpoint
//! at its quickest. Strain alone is no overload: an endpoint that fails three calls of ten whatever is asked of it would
//! be cut to nothing, and fail three of ten all the same. Overload is strain that grows with the calls under way. So a
//! cut is a trial. Where it helps, it stays, and the limit grows again by one for each round that goes well. Where most
//! of the strain is still there, it is the endpoint's own: the limit is again what it was, and only what exceeds the own
//! share leads to another cut. Where there is even too much of it for that, the limit falls to the least at once, where
//! what is left of the strain decides. (Envoy's adaptive concurrency filter finds the latency of an endpoint without
//! load in the same way.)

use neptune_contracts::Timestamp;

/// Where it starts: open, because an endpoint that never complained is not held back.
pub const MOST: f64 = 4_096.0;
/// It never falls below, and so few calls are no load; an endpoint that fails altogether is the circuit breakers' affair.
pub const LEAST: f64 = 4.0;
/// What is left of it at the first cut.
const CUT: f64 = 0.5;
/// So many calls are looked at together: enough that chance does not make [`MARGIN`] of them.
const WINDOW: f64 = 100.0;
/// This share of strained calls above the endpoint's own is overload.
const MARGIN: f64 = 0.2;
/// So many calls at the least limit decide a trial; they come slowly there.
const VERDICT: f64 = 40.0;
/// When more than this part of the share that led to a cut is there after it, the cut did not help. At half of the load
/// a share that is proportional to it would be half.
const OWN_PART: f64 = 0.6;
/// So much of the own share is replaced by each call that is made with few others.
const OWN_WEIGHT: f64 = 0.02;
/// The own share is no more than what is seen under load, and this for chance.
const SLACK: f64 = 0.1;
/// So many times slower than at its quickest is strain.
const SLOWER: f64 = 3.0;
/// What is quickest follows a quicker call by so much.
const QUICKER_WEIGHT: f64 = 0.1;
/// And a slower one by so much, so that a lucky call is forgotten; by [`OWN_WEIGHT`] where load is no reason.
const SLOWER_WEIGHT: f64 = 0.000_01;
/// A quicker answer is not slow, whatever the quickest is: where all share a busy machine, seconds say nothing of one
/// endpoint.
const SLOW_US: u64 = 5_000_000;

/// The limit on calls at a time of one endpoint, as one executor sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concurrency {
    limit: f64,
    /// Below it the limit grows by one for each call that goes well, and not only for each round.
    gentle_from: f64,
    /// The share of calls that are strained however few are under way.
    own_share: f64,
    window: Tally,
    trial: Option<Trial>,
    quickest_us_per_token: Option<f64>,
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
    /// Whether the endpoint refused it for the rate, failed, broke it off or did not answer in time.
    pub is_strained: bool,
    /// The most calls that were seen under way with it, at its beginning and its end, itself included.
    pub in_flight: u64,
}

/// Calls that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    calls: f64,
    strained: f64,
}

/// A cut of which it is not known yet whether it helps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trial {
    /// The limit before.
    before: f64,
    /// The calls that led to it.
    led_by: Tally,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            limit: MOST,
            gentle_from: LEAST,
            own_share: 0.0,
            window: Tally::default(),
            trial: None,
            quickest_us_per_token: None,
            cut_at: None,
        }
    }
}

impl Tally {
    fn add(&mut self, is_strained: bool) {
        self.calls += 1.0;
        self.strained += f64::from(u8::from(is_strained));
    }

    fn share(&self) -> f64 {
        self.strained / self.calls.max(1.0)
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
        let is_strained = call.is_strained || self.is_slow(call);
        // A call that began before the last cut says how it was then.
        if self.cut_at.is_some_and(|cut_at| call.began_at <= cut_at) {
            return;
        }
        if is_alone(call) {
            self.own_share += (f64::from(u8::from(is_strained)) - self.own_share) * OWN_WEIGHT;
        }
        if !is_strained {
            self.grow(call);
        }
        if !is_alone(call) || self.is_least() {
            self.window.add(is_strained);
            self.look(call);
        }
    }

    fn is_least(&self) -> bool {
        self.limit < LEAST + 1.0
    }

    /// By what the calls since the last look say together.
    fn look(&mut self, call: &Ended) {
        if self.is_least() {
            if self.window.calls >= VERDICT {
                let share = self.decide();
                self.own_share = share;
            }
        } else if self.window.strained > (self.own_share + MARGIN) * WINDOW {
            self.cut(call);
        } else if self.window.calls >= WINDOW {
            let share = self.decide();
            self.own_share = self.own_share.min(share + SLACK);
        }
    }

    /// From what was under way, when that was less: an endpoint that is overloaded by 20 does not stand 2,000. A cut
    /// that did not help is followed by the deepest.
    fn cut(&mut self, call: &Ended) {
        let under_way = self.limit.min(count(call.in_flight)) * CUT;
        self.gentle_from = under_way;
        let before = self.trial.map_or(self.limit, |trial| trial.before);
        self.limit = if self.trial.is_some() { LEAST } else { under_way.max(LEAST) };
        self.trial = Some(Trial { before, led_by: std::mem::take(&mut self.window) });
        let latency_ms = i64::try_from(call.latency_us / 1_000).unwrap_or(0);
        self.cut_at = Some(call.began_at.plus_millis(latency_ms));
    }

    /// Ends the look, and the trial that is on: a cut that did not help is taken back. The share of strained calls.
    fn decide(&mut self) -> f64 {
        let share = std::mem::take(&mut self.window).share();
        if let Some(trial) = self.trial.take()
            && share > trial.led_by.share() * OWN_PART
        {
            self.limit = trial.before;
            self.own_share = self.own_share.max(share);
        }
        share
    }

    /// Only where the limit is made use of, and no trial is on.
    fn grow(&mut self, call: &Ended) {
        if self.trial.is_some() || count(call.in_flight) * 2.0 < self.limit {
            return;
        }
        let by = if self.limit < self.gentle_from { 1.0 } else { 1.0 / self.limit };
        self.limit = (self.limit + by).min(MOST);
    }

    /// Whether an answer took much longer for its length than the endpoint's quickest.
    fn is_slow(&mut self, call: &Ended) -> bool {
        if call.output_tokens == 0 {
            return false;
        }
        // Short answers take as long as their first token.
        let us_per_token = count(call.latency_us) / count(call.output_tokens.max(16));
        let quickest = *self.quickest_us_per_token.get_or_insert(us_per_token);
        let weight = match us_per_token < quickest {
            true => QUICKER_WEIGHT,
            false if is_alone(call) => OWN_WEIGHT,
            false => SLOWER_WEIGHT,
        };
        self.quickest_us_per_token = Some(quickest + (us_per_token - quickest) * weight);
        call.latency_us >= SLOW_US && us_per_token > quickest * SLOWER
    }
}

/// Whether so few calls were under way that load is no reason for how it went.
fn is_alone(call: &Ended) -> bool {
    count(call.in_flight) <= LEAST
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
