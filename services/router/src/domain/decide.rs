//! From a task and what is known to a plan, or to the reason why there is none.

use super::{
    choose::{Granted, Wishes, order, rank, time_left_ms, utility},
    estimate::Work,
    explain::{Choice, because, no_model},
    explore::Pick,
    filter::{Eligible, Request, Snapshot, sort},
    keep::keep,
    learnt::Drawn,
    limit::fault,
    outlook::{money, paced},
    plan::{Planning, Shape, shape},
    propensity::propensity,
    quality::Context,
    residual::Wording,
    route::{Policy, Unknown, Weights, resolve},
    task_type::{Kind, kind, said, tokens::Tokens},
};
use neptune_contracts::{
    PicoUsd,
    admission::{Admission, Task},
    finished::{Outcome, TaskError},
    plan::{Candidate, Explanation, Plan, Strategy},
};
use std::cell::LazyCell;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Follow this plan. Its `decided_in_us` is still to be filled in.
    Route(Box<Plan>),
    /// There is nothing to follow.
    Refuse(Box<Refusal>),
}

/// Why a task gets no plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// How the task ends.
    pub outcome: Outcome,
    /// Why.
    pub error: TaskError,
    /// What was weighed; absent when nothing was.
    pub explanation: Option<Explanation>,
    /// The soonest that a model has room again, when nothing else is in the way, in milliseconds.
    pub back_in_ms: Option<u64>,
}

impl Refusal {
    /// Adds why the task does not wait.
    pub fn add(&mut self, reason: Option<&str>) {
        let Some(reason) = reason else { return };
        self.error.message = format!("{}; {reason}", self.error.message);
        if let Some(explanation) = &mut self.explanation {
            explanation.because.clone_from(&self.error.message);
        }
    }
}

/// Decides about an admitted task. The same arguments always give the same decision.
#[must_use]
pub fn decide(task: &Task, admission: &Admission, snapshot: &Snapshot<'_>) -> Decision {
    if task.constraints.deadline.is_some_and(|deadline| deadline <= snapshot.now) {
        let message = "the deadline passed before a model was chosen; give more time";
        return refuse(Outcome::Expired, error("deadline_exceeded", message), None);
    }
    let policy = match resolve(task, snapshot.resources) {
        Ok(policy) => policy,
        Err(unknown) => return refuse(Outcome::NoRoute, not_found(unknown), None),
    };
    let policy = paced(policy, &snapshot.outlook);
    let text = LazyCell::new(|| Tokens::read(&said(&task.input)));
    let kind = kind(task, &text);
    let request = request(task, admission, &kind, snapshot);
    let sorted = sort(&request, &policy, snapshot);
    let wishes = Wishes::of(&request, &policy, snapshot.now);
    let Granted { eligible: mut ranked, removed, relaxed } = wishes.grant(sorted.eligible);
    let mut removed_all = sorted.removed;
    removed_all.extend(removed);
    rank(&mut ranked, &policy.weights);
    let mut reserve = sorted.reserve;
    rank(&mut reserve, &policy.weights);
    let candidates: Vec<Candidate> = ranked.iter().map(|option| candidate(option, &policy.weights)).collect();
    let mut explanation = explain(&kind, &policy, snapshot);
    let left_ms = time_left_ms(task.constraints.deadline, snapshot.now);
    let both = (ranked.as_slice(), candidates.as_slice());
    let (kept_at, kept) = keep(&request, both, &policy.weights, snapshot).unzip();
    let drawn = Drawn::of(&request, &ranked, snapshot);
    let drawn = if kept.is_some() { drawn.for_session() } else { drawn };
    let picked = || drawn.pick(both, explanation.value_usd.as_usd_f64(), wishes.min_quality);
    let pick = kept_at.map(|index| Pick { index, explored: false }).or_else(picked);
    let ordered = order(&with_first(&ranked, pick), &policy, left_ms);
    let Some(first) = ordered.first() else {
        let error = no_model((&request, &policy), &removed_all, sorted.back_in_ms, fault(&request, &sorted.limits));
        explanation.because.clone_from(&error.message);
        explanation.removed = removed_all;
        return refuse(Outcome::NoRoute, error, Some(explanation));
    };
    let chosen = |pick| propensity(&ranked, &policy.weights, wishes.min_quality, (pick, drawn.is_asked()));
    explanation.propensity = pick.map(chosen);
    let explored = pick.is_some_and(|pick| pick.explored);
    let (kept, min_quality) = (kept.as_ref(), wishes.min_quality);
    let choice =
        Choice { policy: &policy, kind: &kind, ranked: &ranked, first, relaxed: &relaxed, explored, kept, min_quality };
    explanation.because = because(&choice);
    explanation.learning = Some(drawn.record(&request, &choice));
    explanation.relaxed = relaxed.iter().map(|wish| wish.as_str().to_owned()).collect();
    explanation.removed = removed_all;
    explanation.candidates = candidates;
    let (request, policy, ranked, ordered) = (&request, &policy, ranked.as_slice(), ordered.as_slice());
    let reserve = reserve.as_slice();
    let planning = Planning { request, policy, ranked, ordered, reserve, wishes: &wishes, left_ms, explored, snapshot };
    let shape = shape(&planning);
    explanation.strategy = shape.choice();
    if let Strategy::Ensemble { .. } = shape.strategy {
        // No model is the first of several that answer at once.
        explanation.because = shape.because.clone().unwrap_or(explanation.because);
    }
    let Shape { strategy, attempts, judge, .. } = shape;
    Decision::Route(Box::new(Plan { routed_at: snapshot.now, strategy, attempts, judge, explanation }))
}

fn request<'a>(task: &'a Task, admission: &'a Admission, kind: &Kind, snapshot: &Snapshot<'_>) -> Request<'a> {
    let work = Work::of(task, kind.task_type);
    let context = Context::of(task, kind.task_type, work.input_tokens);
    let words = snapshot.outlook.words.filter(|words| words.are_used());
    let features = words.and_then(|words| words.features(&Wording::of(&task.input)));
    Request { task, admission, work, context, features, second: kind.mixture().nth(1) }
}

fn explain(kind: &Kind, policy: &Policy<'_>, snapshot: &Snapshot<'_>) -> Explanation {
    Explanation {
        route: policy.name.to_owned(),
        part: policy.part.map(str::to_owned),
        task_type: kind.task_type,
        task_type_by: kind.by.as_str().to_owned(),
        task_type_confidence: kind.confidence,
        config_revision: snapshot.resources.revision,
        statistics_age_ms: snapshot.statistics.age_ms(snapshot.now.unix_micros() / 1_000),
        value_usd: dollars(policy.weights.value_usd),
        money: Some(money(policy, &snapshot.outlook)),
        removed: Vec::new(),
        candidates: Vec::new(),
        relaxed: Vec::new(),
        because: String::new(),
        strategy: None,
        decided_in_us: 0,
        propensity: None,
        shadows: Vec::new(),
        judged_by: None,
        learning: None,
    }
}

/// The models in order of worth, but for the one that was picked.
fn with_first<'a>(ranked: &[Eligible<'a>], pick: Option<Pick>) -> Vec<Eligible<'a>> {
    let mut ordered = ranked.to_vec();
    if let Some(picked) = pick.filter(|pick| pick.index < ordered.len()) {
        let picked = ordered.remove(picked.index);
        ordered.insert(0, picked);
    }
    ordered
}

fn candidate(option: &Eligible<'_>, weights: &Weights) -> Candidate {
    let estimate = &option.estimate;
    Candidate {
        model: option.name.to_owned(),
        quality: estimate.quality,
        success: rounded(estimate.success),
        cost_usd: estimate.cost,
        latency_ms: estimate.latency_ms,
        // Finer: this is what decides, also between models that cost next to nothing.
        utility_usd: (utility(estimate, estimate.success, weights) * 1e12).round() / 1e12,
    }
}

/// To a millionth: more digits would only make records longer.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and values are a few dollars")]
fn dollars(value: f64) -> PicoUsd {
    PicoUsd((value * 1e12).round() as i64)
}

fn not_found(unknown: Unknown) -> TaskError {
    match unknown {
        Unknown::Route(name) => error(
            "model_not_found",
            &format!(
                "constraints.route names {name:?}, which is no route; use auto, auto:cheap, auto:fast, auto:best or a declared one"
            ),
        ),
        Unknown::Model(name) => error(
            "model_not_found",
            &format!(
                "input.model names {name:?}, which is neither a model nor a route; use a name that GET /v1/models lists, or auto"
            ),
        ),
    }
}

fn error(code: &str, message: &str) -> TaskError {
    TaskError { code: code.to_owned(), message: message.to_owned(), problems: Vec::new(), retry_after_ms: None }
}

fn refuse(outcome: Outcome, error: TaskError, explanation: Option<Explanation>) -> Decision {
    let back_in_ms = error.retry_after_ms;
    Decision::Refuse(Box::new(Refusal { outcome, error, explanation, back_in_ms }))
}

#[cfg(test)]
mod tests;
