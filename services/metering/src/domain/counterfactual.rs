//! What another policy would have cost, and how good its answers would have been.
//!
//! **Cost.** A decision records what each candidate was expected to cost. What the task cost over
//! what its model was expected to cost says how much longer input and output were than expected;
//! the other model's expected cost is taken times that.
//!
//! **Quality**, by two methods that are never mixed: what was believed about the policy's model when
//! the decision was made; and, of judged tasks whose choice happened to be the policy's, the mean
//! score weighted by one over the probability of that choice (self-normalised inverse propensity
//! scoring, Swaminathan and Joachims 2015). Only answers of the model that was called first count in
//! the latter: a model that answered in another's place was not chosen by the draws.

use super::decided::Decided;
use neptune_contracts::{
    PicoUsd,
    names::TaskType,
    plan::Candidate,
    query::routing::{Method, PolicyName, PolicyOutcome, QualityEstimate},
};
use std::collections::BTreeMap;

/// A cost that is this many times the expected one, or less than one over it, says that the record
/// does not fit the task, rather than how long it was.
const MOST_OVER_EXPECTED: f64 = 100.0;
/// A single model is compared when it was a candidate in at least this share of the decisions.
const LEAST_SHARE_OF_SINGLE: f64 = 0.8;

/// A policy that could have been followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy<'a> {
    /// The candidate of the highest expected quality.
    Strongest,
    /// This model.
    Single(&'a str),
}

/// A running mean.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    weight: f64,
    squares: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
        self.squares += weight * weight;
        self.count += 1;
    }

    fn estimate(self, by: Method) -> Option<QualityEstimate> {
        let effective = (by == Method::InversePropensity).then(|| self.weight * self.weight / self.squares);
        (self.count > 0).then(|| QualityEstimate {
            mean: self.sum / self.weight,
            by,
            observations: self.count,
            effective,
        })
    }
}

/// What was decided in fact.
#[must_use]
pub fn as_decided(decided: &[Decided]) -> PolicyOutcome {
    let (mut observed, mut believed) = (Mean::default(), Mean::default());
    let mut cost = 0;
    for decision in decided {
        cost += i128::from(decision.cost_pico_usd);
        if let Some(score) = decision.score {
            observed.add(score, 1.0);
        }
        if let Some(answered) = answered(decision) {
            believed.add(answered.quality, 1.0);
        }
    }
    PolicyOutcome {
        policy: PolicyName::AsDecided,
        detail: None,
        tasks: decided.len() as u64,
        unavailable: 0,
        cost_usd: held(cost),
        actual_cost_usd: held(cost),
        cost_by: Method::Observed,
        quality: [observed.estimate(Method::Observed), believed.estimate(Method::Believed)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

/// What `policy` would have done.
#[must_use]
pub fn outcome(decided: &[Decided], policy: &Policy<'_>) -> PolicyOutcome {
    let (mut weighted, mut believed) = (Mean::default(), Mean::default());
    let (mut cost, mut actual, mut unavailable) = (0.0, 0, 0);
    for decision in decided {
        actual += i128::from(decision.cost_pico_usd);
        let Some(candidate) = choice(decision, policy) else {
            unavailable += 1;
            cost += float(decision.cost_pico_usd);
            continue;
        };
        cost += float(candidate.cost_usd.0) * over_expected(decision);
        believed.add(candidate.quality, 1.0);
        if let Some((score, propensity)) = judged_as(decision, &candidate.model) {
            weighted.add(score, 1.0 / propensity);
        }
    }
    let (name, detail) = match policy {
        Policy::Strongest => (PolicyName::AlwaysStrongest, None),
        Policy::Single(model) => (PolicyName::BestSingle, Some((*model).to_owned())),
    };
    let quality = [weighted.estimate(Method::InversePropensity), believed.estimate(Method::Believed)];
    PolicyOutcome {
        policy: name,
        detail,
        tasks: decided.len() as u64,
        unavailable,
        cost_usd: whole(cost),
        actual_cost_usd: held(actual),
        cost_by: Method::ExpectedCost,
        quality: quality.into_iter().flatten().collect(),
    }
}

/// The model that would have been worth the most, had it done everything it could have; nothing when
/// none was a candidate often enough.
#[must_use]
pub fn best_single(decided: &[Decided]) -> Option<&str> {
    let mut worth: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    for decision in decided {
        let value_usd = decision.explanation.value_usd.as_usd_f64();
        let actual = answered(decision).map_or(0.0, |answered| net(decision, answered, value_usd));
        for candidate in &decision.explanation.candidates {
            let (count, gain) = worth.entry(&candidate.model).or_default();
            *count += 1;
            // Where it was no candidate things stay as they were, so only the difference counts.
            *gain += net(decision, candidate, value_usd) - actual;
        }
    }
    let least = LEAST_SHARE_OF_SINGLE * decided.len() as f64;
    let often = worth.into_iter().filter(|(_, (count, _))| *count as f64 >= least);
    often.max_by(|(_, (_, left)), (_, (_, right))| left.total_cmp(right)).map(|(model, _)| model)
}

/// What the tasks of the newest policy would have been like under the one before it, by what tasks
/// of the same kinds were like under that. Nothing when all were decided by one policy.
#[must_use]
pub fn previous(decided: &[Decided]) -> Option<PolicyOutcome> {
    let current = decided.iter().rev().find_map(Decided::policy)?;
    let before = decided.iter().rev().filter_map(Decided::policy).find(|policy| *policy != current)?;
    let mut kinds: BTreeMap<Option<TaskType>, (Mean, Mean)> = BTreeMap::new();
    for decision in decided.iter().filter(|decision| decision.policy() == Some(before)) {
        let (costs, scores) = kinds.entry(decision.task_type).or_default();
        costs.add(float(decision.cost_pico_usd), 1.0);
        if let Some(score) = decision.score {
            scores.add(score, 1.0);
        }
    }
    let (mut tasks, mut unavailable, mut cost, mut actual) = (0, 0, 0.0, 0);
    let (mut quality, mut observations) = (Mean::default(), 0);
    for decision in decided.iter().filter(|decision| decision.policy() == Some(current)) {
        tasks += 1;
        actual += i128::from(decision.cost_pico_usd);
        let Some((costs, scores)) = kinds.get(&decision.task_type) else {
            unavailable += 1;
            cost += float(decision.cost_pico_usd);
            continue;
        };
        cost += costs.sum / costs.weight;
        if scores.count > 0 {
            quality.add(scores.sum / scores.weight, 1.0);
        }
    }
    observations += kinds.values().map(|(_, scores)| scores.count).sum::<u64>();
    let quality = quality.estimate(Method::ObservedByKind).map(|estimate| QualityEstimate { observations, ..estimate });
    Some(PolicyOutcome {
        policy: PolicyName::Previous,
        detail: Some(before.to_owned()),
        tasks,
        unavailable,
        cost_usd: whole(cost),
        actual_cost_usd: held(actual),
        cost_by: Method::ObservedByKind,
        quality: quality.into_iter().collect(),
    })
}

fn choice<'a>(decision: &'a Decided, policy: &Policy<'_>) -> Option<&'a Candidate> {
    match policy {
        Policy::Single(model) => decision.candidate(model),
        Policy::Strongest => {
            let candidates = &decision.explanation.candidates;
            candidates.iter().reduce(|best, other| if other.quality > best.quality { other } else { best })
        }
    }
}

/// The score and the probability of the choice, where the model called first was `model` and answered.
fn judged_as(decision: &Decided, model: &str) -> Option<(f64, f64)> {
    let is_first = decision.first.as_deref() == Some(model) && decision.answered_by.as_deref() == Some(model);
    let propensity = decision.explanation.propensity.filter(|propensity| *propensity > 0.0)?;
    decision.score.filter(|_| is_first && decision.calls == 1).map(|score| (score, propensity))
}

fn answered(decision: &Decided) -> Option<&Candidate> {
    decision.candidate(decision.answered_by.as_deref()?)
}

/// What the task cost over what the model that answered was expected to cost; 1 where nothing says.
fn over_expected(decision: &Decided) -> f64 {
    let expected = answered(decision).map_or(0.0, |answered| float(answered.cost_usd.0));
    let ratio = float(decision.cost_pico_usd) / expected;
    if ratio.is_finite() && ratio > 0.0 { ratio.clamp(1.0 / MOST_OVER_EXPECTED, MOST_OVER_EXPECTED) } else { 1.0 }
}

/// What `candidate` would have been worth, in US dollars.
fn net(decision: &Decided, candidate: &Candidate, value_usd: f64) -> f64 {
    value_usd * candidate.success * candidate.quality - candidate.cost_usd.as_usd_f64() * over_expected(decision)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 15 digits")]
fn float(pico_usd: i64) -> f64 {
    pico_usd as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and sums are a few dollars")]
fn whole(pico_usd: f64) -> PicoUsd {
    PicoUsd(pico_usd.round() as i64)
}

fn held(pico_usd: i128) -> PicoUsd {
    PicoUsd(i64::try_from(pico_usd).unwrap_or(i64::MAX))
}
