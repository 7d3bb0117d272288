//! From an order of models to a plan: how they are combined.

mod cascade;
mod ensemble;
mod hedge;

use super::{
    choose::Wishes,
    filter::{Eligible, Request, Snapshot},
    route::Policy,
};
use neptune_contracts::{
    plan::{PlannedAttempt, Strategy, StrategyChoice},
    resource::StrategySpec,
};

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Planning<'p, 'a> {
    /// The task and its bounds.
    pub request: &'p Request<'a>,
    /// By what it is routed.
    pub policy: &'p Policy<'a>,
    /// The models that were weighed, best first.
    pub ranked: &'p [Eligible<'a>],
    /// The order in which they are tried; never empty.
    pub ordered: &'p [Eligible<'a>],
    /// Models that recover from failures, best first.
    pub reserve: &'p [Eligible<'a>],
    /// What is wished for.
    pub wishes: &'p Wishes,
    /// Milliseconds until the deadline.
    pub left_ms: u64,
    /// The first is tried although another is expected to be better.
    pub explored: bool,
    /// What is known.
    pub snapshot: &'p Snapshot<'a>,
}

/// A plan without its explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// How the attempts combine.
    pub strategy: Strategy,
    /// The attempts in order.
    pub attempts: Vec<PlannedAttempt>,
    /// Who chooses between an ensemble's answers.
    pub judge: Option<PlannedAttempt>,
    /// Why so; nothing where nothing else was to be thought of.
    pub because: Option<String>,
}

impl Shape {
    /// How the models are combined and why, for the explanation.
    #[must_use]
    pub fn choice(&self) -> Option<StrategyChoice> {
        let because = self.because.clone()?;
        Some(StrategyChoice { kind: self.strategy.as_str().to_owned(), because })
    }
}

/// The plan for `planning`: as the route asks, else what is worth the most. What a route asks for and
/// cannot be done gives way to the usual fallback, and the reason says so.
#[must_use]
pub fn shape(planning: &Planning<'_, '_>) -> Shape {
    let (route, spec) = (planning.policy.name, planning.policy.strategy());
    let asked = format!("route {route} asks for it");
    if let Some(wanted) = uncombined(planning, spec) {
        return instead(planning, wanted, "vectors of different models cannot be combined");
    }
    match spec {
        StrategySpec::Auto => auto(planning),
        StrategySpec::Single => {
            let first = planning.ordered.first().copied();
            in_order(planning, first.as_slice(), Some(asked))
        }
        StrategySpec::Fallback => in_order(planning, planning.ordered, Some(asked)),
        StrategySpec::Hedge => hedge::asked(planning).unwrap_or_else(|why| instead(planning, "hedge", &why)),
        StrategySpec::Cascade => cascade::asked(planning).unwrap_or_else(|why| instead(planning, "cascade", &why)),
        StrategySpec::Ensemble => ensemble::asked(planning).unwrap_or_else(|why| instead(planning, "ensemble", &why)),
    }
}

/// The strategy that has no meaning, because the task asks for vectors.
fn uncombined(planning: &Planning<'_, '_>, spec: StrategySpec) -> Option<&'static str> {
    let wanted = match spec {
        StrategySpec::Cascade => "cascade",
        StrategySpec::Ensemble => "ensemble",
        StrategySpec::Auto | StrategySpec::Single | StrategySpec::Fallback | StrategySpec::Hedge => return None,
    };
    planning.request.task.input.embedding.map(|_| wanted)
}

/// A model that is tried out of turn is tried alone, so that what comes of it is its own.
fn auto(planning: &Planning<'_, '_>) -> Shape {
    let worth_it = if planning.explored || !planning.policy.pinned.is_empty() {
        None
    } else {
        cascade::worth_it(planning).or_else(|| hedge::worth_it(planning))
    };
    worth_it.unwrap_or_else(|| in_order(planning, planning.ordered, None))
}

fn instead(planning: &Planning<'_, '_>, wanted: &str, why: &str) -> Shape {
    let because = format!("route {} asks for {wanted}, but {why}", planning.policy.name);
    in_order(planning, planning.ordered, Some(because))
}

fn in_order(planning: &Planning<'_, '_>, models: &[Eligible<'_>], because: Option<String>) -> Shape {
    let reserve =
        if planning.policy.strategy() == StrategySpec::Single { Vec::new() } else { reserve(planning, models) };
    let attempts = attempts(planning, models.iter().chain(reserve));
    let strategy = if attempts.len() == 1 { Strategy::Single } else { Strategy::Fallback };
    Shape { strategy, attempts, judge: None, because }
}

/// Models that recover from failures, for the places that `models` leave: one that was heard of a moment ago is
/// better than none when the others fail. They meet every wish, and begin in time.
fn reserve<'p, 'a>(planning: &Planning<'p, 'a>, models: &[Eligible<'_>]) -> Vec<&'p Eligible<'a>> {
    let mut spent_ms = models.iter().map(|option| option.estimate.latency_p95_ms).fold(0_u64, u64::saturating_add);
    let mut in_time = |option: &&Eligible<'_>| {
        spent_ms = spent_ms.saturating_add(option.estimate.latency_p95_ms);
        spent_ms <= planning.left_ms
    };
    let fits = |option: &&Eligible<'_>| planning.wishes.are_met_by(&option.estimate);
    let places = planning.policy.max_attempts.saturating_sub(models.len());
    planning.reserve.iter().filter(fits).take_while(|option| in_time(option)).take(places).collect()
}

fn attempts<'e, 'a: 'e>(
    planning: &Planning<'_, '_>,
    models: impl Iterator<Item = &'e Eligible<'a>>,
) -> Vec<PlannedAttempt> {
    models
        .map(|option| PlannedAttempt {
            model: option.name.to_owned(),
            zone: option.model.zone,
            timeout_ms: option.model.timeout_ms.min(planning.left_ms),
            expected_cost_usd: option.estimate.cost,
            expected_latency_ms: option.estimate.latency_ms,
        })
        .collect()
}

/// `two` and then the others of the order, as many as the policy allows.
fn followed<'p, 'a>(planning: &Planning<'p, 'a>, two: [&'p Eligible<'a>; 2]) -> Vec<PlannedAttempt> {
    let rest = planning.ordered.iter().filter(|option| two.iter().all(|taken| taken.name != option.name));
    attempts(planning, two.into_iter().chain(rest).take(planning.policy.max_attempts.max(2)))
}
