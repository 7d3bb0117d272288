//! From a task and what is known to a plan, or to the reason why there is none.

use super::{
    choose::{Granted, Wishes, order, rank, time_left_ms, utility},
    estimate::Work,
    explain::{Choice, because, no_model},
    explore::Pick,
    filter::{Eligible, Request, Snapshot, sort},
    learnt::Drawn,
    limit::fault,
    propensity::propensity,
    quality::Context,
    route::{Policy, Unknown, Weights, resolve},
    task_type::{Kind, kind},
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    finished::{Outcome, TaskError},
    plan::{Candidate, Explanation, Plan, PlannedAttempt, Strategy},
};

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
    let kind = kind(task);
    let context = Context::of(task, kind.task_type);
    let second = kind.mixture().nth(1);
    let request = Request { task, admission, work: Work::of(task, kind.task_type), context, second };
    let sorted = sort(&request, &policy, snapshot);
    let wishes = Wishes::of(&request, &policy, snapshot.now);
    let Granted { eligible: mut ranked, removed, relaxed } = wishes.grant(sorted.eligible);
    let mut removed_all = sorted.removed;
    removed_all.extend(removed);
    rank(&mut ranked, &policy.weights);
    let candidates: Vec<Candidate> = ranked.iter().map(|option| candidate(option, &policy.weights)).collect();
    let mut explanation = explain(&kind, &policy, snapshot);
    let left_ms = time_left_ms(task.constraints.deadline, snapshot.now);
    let drawn = Drawn::of(&request, &ranked, snapshot);
    let pick = drawn.pick(&ranked, &policy.weights, wishes.min_quality);
    let ordered = order(&with_first(&ranked, pick), &policy, left_ms);
    let Some(first) = ordered.first() else {
        let error = no_model(&policy, &removed_all, sorted.circuit_closes_in_ms, fault(&request, &sorted.limits));
        explanation.because.clone_from(&error.message);
        explanation.removed = removed_all;
        return refuse(Outcome::NoRoute, error, Some(explanation));
    };
    let chosen = |pick| propensity(&ranked, &policy.weights, wishes.min_quality, (pick, drawn.is_asked()));
    explanation.propensity = pick.map(chosen);
    let explored = pick.is_some_and(|pick| pick.explored);
    let choice = Choice { policy: &policy, kind: &kind, ranked: &ranked, first, relaxed: &relaxed, explored };
    explanation.because = because(&choice);
    explanation.learning = Some(drawn.record(&request, &choice));
    explanation.relaxed = relaxed.iter().map(|wish| wish.as_str().to_owned()).collect();
    explanation.removed = removed_all;
    explanation.candidates = candidates;
    Decision::Route(Box::new(plan(&ordered, explanation, left_ms, snapshot.now)))
}

fn plan(ordered: &[Eligible<'_>], explanation: Explanation, left_ms: u64, now: Timestamp) -> Plan {
    let attempt = |option: &Eligible<'_>| PlannedAttempt {
        model: option.name.to_owned(),
        zone: option.model.zone,
        timeout_ms: option.model.timeout_ms.min(left_ms),
        expected_cost_usd: option.estimate.cost,
        expected_latency_ms: option.estimate.latency_ms,
    };
    let strategy = if ordered.len() == 1 { Strategy::Single } else { Strategy::Fallback };
    Plan { routed_at: now, strategy, attempts: ordered.iter().map(attempt).collect(), explanation }
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
        removed: Vec::new(),
        candidates: Vec::new(),
        relaxed: Vec::new(),
        because: String::new(),
        decided_in_us: 0,
        propensity: None,
        shadows: Vec::new(),
        learning: None,
    }
}

/// The models in order of worth, but for the one that is tried out of turn.
fn with_first<'a>(ranked: &[Eligible<'a>], pick: Option<Pick>) -> Vec<Eligible<'a>> {
    let mut ordered = ranked.to_vec();
    if let Some(tried) = pick.filter(|pick| pick.explored && pick.index < ordered.len()) {
        let tried = ordered.remove(tried.index);
        ordered.insert(0, tried);
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
        utility_usd: rounded(utility(estimate, estimate.success, weights)),
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
    Decision::Refuse(Box::new(Refusal { outcome, error, explanation }))
}

#[cfg(test)]
mod tests;
