//! Recorded decisions, made again under other resources by the same code.
//!
//! A record has no prompt. What the decision needs of it is on record, though: the kind of work, the
//! number of input tokens, governance's bounds, and what was believed about each candidate then
//! (quality and how sure, success, latency, expected length by way of its cost). From these the
//! question is put together again. What cannot be known stays as it was: a model that was ruled out
//! for what it cannot do, by its circuit, or by the caller's own list stays out. A limit on latency
//! and a least quality that the caller set are not on record and not kept. Models that were not
//! weighed then are judged by what their resource declares; one that is new counts as allowed where
//! its zone is.

use super::{
    decide::{Decision, decide},
    filter::Snapshot,
    keep::Held,
    outlook::Outlook,
    quality::{Cell, Cells, Context, DECLARED_MASS},
    statistics::{AnswerStatistics, ModelStatistics, Statistics},
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    chat::ChatRequest,
    embedding::EmbeddingSpec,
    finished::TaskFinished,
    names::BUILT_IN_ROUTES,
    plan::{Belief, Candidate, Explanation, Kept},
    resource::{ModelSpec, Resources},
    task::Constraints,
};
use std::collections::{BTreeMap, HashMap};

/// What was measured then counts for everything: nothing is mixed in with it.
const CERTAIN: f64 = 1e9;
/// Reasons of a removal that other resources cannot lift, or that nobody can know of.
const KEPT_REMOVALS: [&str; 4] = ["capability", "circuit", "rate", "constraint"];
/// Characters that are taken for a token when a prompt's length is estimated.
const CHARACTERS_PER_TOKEN: u64 = 4;
/// Tokens that a message counts for besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// A choice that was made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The model to be called first.
    pub model: String,
    /// What it is expected to cost.
    pub cost_usd: PicoUsd,
    /// Its expected quality, 0 to 1.
    pub quality: f64,
}

/// A question as it can be put again.
#[derive(Clone, Debug)]
pub struct Question {
    task: Task,
    admission: Admission,
    statistics: Statistics,
    cells: Cells,
    qualities: BTreeMap<String, f64>,
    revision: u64,
    may_explore: bool,
    kept: Option<Kept>,
    now: Timestamp,
}

impl Question {
    /// The question that a record answers. `before` are the resources that were in force, by whose
    /// prices expected costs tell how long answers were expected to be. Nothing when the record has
    /// no decision or no admission, or no call from which the length of the input is known.
    #[must_use]
    pub fn of(fact: &TaskFinished, before: &Resources) -> Option<Self> {
        let (route, recorded) = (fact.route.as_ref()?, fact.admission.as_ref()?);
        let input_tokens = fact.winner().or(fact.attempts.last()).map(|call| call.usage.input_total())?;
        let now = fact.times.routed_at.unwrap_or(fact.times.submitted_at);
        let now_ms = now.unix_micros() / 1_000;
        let learning = route.learning.as_ref();
        let is_kept = |model: &String| {
            let kept = |by: &str| KEPT_REMOVALS.contains(&by);
            route.removed.iter().any(|removed| removed.model == *model && kept(&removed.by))
        };
        let mut admission = recorded.clone();
        admission.allowed_models.retain(|model| !is_kept(model));
        let mut task = task(fact, route, input_tokens);
        let gives_vectors =
            |one: &Candidate| before.models.get(&one.model).is_some_and(|spec| spec.capabilities.embeddings);
        if !route.candidates.is_empty() && route.candidates.iter().all(gives_vectors) {
            task.input.embedding = Some(EmbeddingSpec::default());
        }
        let heard = learning.is_none_or(|learning| learning.refrained.as_deref() != Some("no_feedback"));
        let statistics = statistics(route, before, (input_tokens, now_ms));
        let context = Context::of(&task, route.task_type, task.input.estimated_input_tokens());
        Some(Self {
            cells: if heard { cells(route, &context, now_ms) } else { Cells::default() },
            task,
            admission,
            statistics,
            qualities: route.candidates.iter().map(|one| (one.model.clone(), one.quality)).collect(),
            revision: route.config_revision,
            may_explore: learning.is_none_or(|learning| learning.refrained.as_deref() != Some("spent")),
            kept: learning.and_then(|learning| learning.kept.clone()),
            now,
        })
    }

    /// The choice under `resources`; nothing when they leave no model. `before` says which models
    /// are new.
    #[must_use]
    pub fn answer(&self, resources: &Resources, before: &Resources) -> Option<Choice> {
        let mut admission = self.admission.clone();
        let is_new = |(name, spec): &(&String, &ModelSpec)| {
            !before.models.contains_key(*name) && admission.allowed_zones.contains(&spec.zone)
        };
        let new: Vec<String> = resources.models.iter().filter(is_new).map(|(name, _)| name.clone()).collect();
        admission.allowed_models.extend(new);
        // The same version of the policy draws the same, so that what differs is what was changed.
        let mut resources = Resources { revision: self.revision, ..resources.clone() };
        for (name, quality) in &self.qualities {
            if let Some(spec) = resources.models.get_mut(name) {
                spec.quality = BTreeMap::from([("default".to_owned(), *quality)]);
            }
        }
        let held = self.kept.as_ref().map(|kept| Held { model: &kept.model, ago_ms: kept.ago_ms });
        let snapshot = Snapshot {
            resources: &resources,
            statistics: &self.statistics,
            circuits: &HashMap::new(),
            headroom: &HashMap::new(),
            cells: &self.cells,
            may_explore: self.may_explore,
            outlook: Outlook { held, ..Outlook::default() },
            may_hedge: false,
            now: self.now,
        };
        let Decision::Route(plan) = decide(&self.task, &admission, &snapshot) else { return None };
        let model = &plan.attempts.first()?.model;
        let chosen = plan.explanation.candidates.iter().find(|candidate| candidate.model == *model)?;
        Some(Choice { model: model.clone(), cost_usd: chosen.cost_usd, quality: chosen.quality })
    }
}

fn task(fact: &TaskFinished, route: &Explanation, input_tokens: u64) -> Task {
    let characters = input_tokens.saturating_sub(TOKENS_PER_MESSAGE).saturating_mul(CHARACTERS_PER_TOKEN);
    let text = " ".repeat(usize::try_from(characters).unwrap_or(0));
    let mut input = ChatRequest::user(&text);
    let mut constraints = Constraints { lane: fact.lane, ..Constraints::default() };
    // A route that is there by itself or was declared, else a model that the caller asked for.
    if BUILT_IN_ROUTES.contains(&route.route.as_str()) || route.candidates.iter().all(|one| !is_of(one, &route.route)) {
        constraints.route = Some(route.route.clone());
    } else {
        input.model = Some(route.route.clone());
    }
    Task {
        id: fact.id,
        team: fact.team.clone(),
        origin: fact.origin,
        key: fact.key.clone(),
        submitted_at: fact.times.submitted_at,
        input,
        task_type: Some(route.task_type),
        constraints,
        output: None,
        deliver: Vec::new(),
        step: fact.step.clone(),
        parked: None,
        metadata: fact.metadata.clone(),
        fingerprint: None,
        warnings: Vec::new(),
    }
}

/// Whether `name` is the candidate's, with or without its provider.
fn is_of(candidate: &Candidate, name: &str) -> bool {
    candidate.model == name || super::route::is_bare_name(name, &candidate.model)
}

/// Statistics by which each candidate is expected to be what it was expected to be then.
fn statistics(route: &Explanation, before: &Resources, (input_tokens, now_ms): (u64, i64)) -> Statistics {
    let of_candidate = |candidate: &Candidate| {
        let spec = before.models.get(&candidate.model)?;
        let answers = AnswerStatistics {
            answers: CERTAIN,
            latency_ms: float(candidate.latency_ms),
            output_tokens: output_tokens(candidate, spec, input_tokens),
            ..AnswerStatistics::default()
        };
        let measured = ModelStatistics {
            successes: candidate.success * CERTAIN,
            failures: (1.0 - candidate.success) * CERTAIN,
            counted_at_ms: now_ms,
            by_type: HashMap::from([(route.task_type, answers)]),
            ..ModelStatistics::default()
        };
        Some((candidate.model.clone(), measured))
    };
    Statistics { read_at_ms: Some(now_ms), models: route.candidates.iter().filter_map(of_candidate).collect() }
}

/// How long the answer was expected to be, by what it was expected to cost.
fn output_tokens(candidate: &Candidate, spec: &ModelSpec, input_tokens: u64) -> f64 {
    let of_tokens = |input: u64, output: u64| {
        PicoUsd::of_quantities(&[(input, spec.price.input_usd_per_mtok), (output, spec.price.output_usd_per_mtok)])
    };
    let (input_usd, token_usd) = (of_tokens(input_tokens, 0).as_usd_f64(), of_tokens(0, 1_000_000).as_usd_f64() / 1e6);
    let tokens = (candidate.cost_usd.as_usd_f64() - input_usd) / token_usd;
    if tokens.is_finite() { tokens.max(1.0) } else { 1.0 }
}

/// Feedback by which each candidate's quality is believed as firmly as it was then.
fn cells(route: &Explanation, context: &Context, now_ms: i64) -> Cells {
    let Some((_, finest)) = context.keys().last() else { return Cells::default() };
    let beliefs = route.learning.iter().flat_map(|learning| &learning.beliefs);
    let cell = |belief: &Belief| {
        let mean = route.candidates.iter().find(|one| one.model == belief.model)?.quality;
        let mass = (mass(mean, belief) - DECLARED_MASS).max(1e-6);
        Some((
            belief.model.clone(),
            Cell { good: mean * mass, bad: (1.0 - mean) * mass, at_ms: now_ms, ..Cell::default() },
        ))
    };
    HashMap::from([(finest.clone(), beliefs.filter_map(cell).collect())])
}

/// The observations that a belief is worth: its deviation is the longer side of its span, because
/// the other may have met an end of the scale.
fn mass(mean: f64, belief: &Belief) -> f64 {
    let deviation = (mean - belief.quality_low).max(belief.quality_high - mean);
    let mass = mean * (1.0 - mean) / (deviation * deviation) - 1.0;
    if mass.is_finite() { mass.clamp(0.0, 10_000.0) } else { DECLARED_MASS }
}

#[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds fits")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
