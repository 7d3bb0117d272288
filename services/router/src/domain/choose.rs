//! Weighing the models that are left, and putting them in order.

use super::{
    estimate::Estimate,
    filter::{Eligible, Request},
    route::{Policy, Weights},
};
use neptune_contracts::{PicoUsd, Timestamp, plan::Removed};

/// A second deployment at an endpoint that just failed is this much less likely to answer.
const SHARED_FATE: f64 = 0.3;
/// The share of a right answer's value that the last call before a rate limit is worth less: others
/// are under way that nobody has heard of, so it may well be refused and cost a second try.
const FULL_LOAD: f64 = 0.25;

/// What the caller and the route ask for, and what may be given up when nothing meets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wishes {
    /// Expected quality, at least.
    pub min_quality: f64,
    /// Latency that 95 % of calls stay within, at most, in milliseconds.
    pub max_latency_ms: u64,
    /// Cost that nine of ten answers stay within, at most. That of an expected one is never above the cap.
    pub max_cost: PicoUsd,
}

/// A wish, in the order in which they are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Given up first.
    Quality,
    /// Given up next.
    Latency,
    /// Given up last.
    Cost,
}

/// The models that remain, and the wishes that were given up so that any does.
#[derive(Debug)]
pub struct Granted<'a> {
    /// Models that remain.
    pub eligible: Vec<Eligible<'a>>,
    /// Models that do not.
    pub removed: Vec<Removed>,
    /// Wishes given up.
    pub relaxed: Vec<Wish>,
}

impl Wish {
    const ALL: [Self; 3] = [Self::Quality, Self::Latency, Self::Cost];

    /// As it stands in the explanation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quality => "quality",
            Self::Latency => "latency",
            Self::Cost => "cost",
        }
    }
}

impl Wishes {
    /// What `request` and `policy` ask for at `now`.
    #[must_use]
    pub fn of(request: &Request<'_>, policy: &Policy<'_>, now: Timestamp) -> Self {
        let constraints = &request.task.constraints;
        Self {
            min_quality: constraints.min_quality.unwrap_or(0.0).max(policy.min_quality.unwrap_or(0.0)),
            max_latency_ms: constraints.max_latency_ms.unwrap_or(u64::MAX).min(time_left_ms(constraints.deadline, now)),
            max_cost: request.admission.max_cost_usd.unwrap_or(PicoUsd::MAX),
        }
    }

    fn meets(&self, wish: Wish, estimate: &Estimate) -> bool {
        match wish {
            Wish::Quality => estimate.quality >= self.min_quality,
            Wish::Latency => estimate.latency_p95_ms <= self.max_latency_ms,
            Wish::Cost => estimate.cautious_cost <= self.max_cost,
        }
    }

    /// Whether a model meets all of them.
    #[must_use]
    pub fn are_met_by(&self, estimate: &Estimate) -> bool {
        Wish::ALL.iter().all(|wish| self.meets(*wish, estimate))
    }

    fn refusal(&self, wish: Wish, name: &str, estimate: &Estimate) -> Removed {
        let reason = match wish {
            Wish::Quality => {
                format!("its expected quality is {:.2}, the floor is {:.2}", estimate.quality, self.min_quality)
            }
            Wish::Latency => {
                let (p95, limit) = (estimate.latency_p95_ms, self.max_latency_ms);
                format!("95 % of its calls are expected to take up to {p95} ms, the limit is {limit} ms")
            }
            Wish::Cost => {
                let (p90, cap) = (estimate.cautious_cost, self.max_cost);
                format!("90 % of its answers are expected to cost up to {p90} US dollars, the cap is {cap}")
            }
        };
        Removed { model: name.to_owned(), by: wish.as_str().to_owned(), reason }
    }

    /// Keeps the models that meet the wishes, giving up as few as needed for one to remain.
    #[must_use]
    pub fn grant<'a>(&self, eligible: Vec<Eligible<'a>>) -> Granted<'a> {
        let kept = |given_up: usize| Wish::ALL.get(given_up..).unwrap_or_default();
        let meets = |option: &Eligible<'_>, given_up: usize| {
            kept(given_up).iter().all(|wish| self.meets(*wish, &option.estimate))
        };
        let given_up =
            (0..=Wish::ALL.len()).find(|given_up| eligible.iter().any(|option| meets(option, *given_up))).unwrap_or(0);
        let (remaining, refused): (Vec<_>, Vec<_>) = eligible.into_iter().partition(|option| meets(option, given_up));
        let removed = refused.iter().filter_map(|option| {
            let wish = kept(given_up).iter().find(|wish| !self.meets(**wish, &option.estimate))?;
            Some(self.refusal(*wish, option.name, &option.estimate))
        });
        let relaxed =
            Wish::ALL.into_iter().filter(|wish| remaining.iter().any(|option| !self.meets(*wish, &option.estimate)));
        Granted { removed: removed.collect(), relaxed: relaxed.collect(), eligible: remaining }
    }
}

/// Milliseconds until `deadline`.
#[must_use]
pub fn time_left_ms(deadline: Option<Timestamp>, now: Timestamp) -> u64 {
    deadline.map_or(u64::MAX, |deadline| deadline.micros_since(now) / 1_000)
}

/// What a call is worth, in US dollars: the value of its expected quality, less its cost with the
/// tries that fail, less the waiting, less what is feared near a rate limit.
#[must_use]
pub fn utility(estimate: &Estimate, success: f64, weights: &Weights) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds fits")]
    let seconds = estimate.latency_ms as f64 / 1_000.0;
    weights.value_usd * success * estimate.quality
        - estimate.cost.as_usd_f64() / success.max(0.01)
        - weights.usd_per_second * seconds
        - weights.value_usd * FULL_LOAD * estimate.load
}

/// The models by utility, best first; names decide between equals.
pub fn rank<'a>(eligible: &mut [Eligible<'a>], weights: &Weights) {
    let worth = |option: &Eligible<'a>| utility(&option.estimate, option.estimate.success, weights);
    eligible.sort_by(|left, right| worth(right).total_cmp(&worth(left)).then_with(|| left.name.cmp(right.name)));
}

/// The order in which `ranked` models are tried: the best candidate, then the route's hierarchy,
/// then by utility, where whatever shares the fate of a failed endpoint counts for less. Attempts
/// that would begin too late to end before the deadline are left out. Never empty unless `ranked` is.
#[must_use]
pub fn order<'a>(ranked: &[Eligible<'a>], policy: &Policy<'_>, left_ms: u64) -> Vec<Eligible<'a>> {
    let mut rest: Vec<Eligible<'a>> = ranked.to_vec();
    let first = rest.iter().position(|option| !option.fallback_only).or_else(|| hierarchy(&rest, policy));
    let mut ordered: Vec<Eligible<'a>> = Vec::with_capacity(policy.max_attempts);
    let mut next = first;
    let mut spent_ms = 0_u64;
    while let Some(index) = next {
        let option = rest.remove(index);
        spent_ms = spent_ms.saturating_add(option.estimate.latency_p95_ms);
        ordered.push(option);
        rest.retain(|option| spent_ms.saturating_add(option.estimate.latency_p95_ms) <= left_ms);
        next = (ordered.len() < policy.max_attempts)
            .then(|| hierarchy(&rest, policy).or_else(|| by_fate(&rest, &ordered, policy)))
            .flatten();
    }
    ordered
}

fn hierarchy(rest: &[Eligible<'_>], policy: &Policy<'_>) -> Option<usize> {
    policy.fallback.iter().find_map(|name| rest.iter().position(|option| option.name == name))
}

fn by_fate(rest: &[Eligible<'_>], failed: &[Eligible<'_>], policy: &Policy<'_>) -> Option<usize> {
    let worth = |option: &Eligible<'_>| {
        let shared = failed
            .iter()
            .filter(|tried| tried.model.endpoint == option.model.endpoint)
            .fold(1.0, |fate, _| fate * SHARED_FATE);
        utility(&option.estimate, option.estimate.success * shared, &policy.weights)
    };
    // The first of equals is the better ranked.
    let mut best: Option<(usize, f64)> = None;
    for (index, option) in rest.iter().enumerate() {
        let worth = worth(option);
        if best.is_none_or(|(_, known)| worth > known) {
            best = Some((index, worth));
        }
    }
    best.map(|(index, _)| index)
}
