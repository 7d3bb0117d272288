//! Several models at once, as a route asks.

use super::{Planning, Shape, attempts};
use crate::domain::{
    circuit::State,
    filter::{Eligible, state},
};
use neptune_contracts::{
    PicoUsd,
    plan::{Combine, PlannedAttempt, Strategy},
};

/// Tokens of the judge's instructions, and of each answer's frame.
const FRAME_TOKENS: u64 = 150;
/// Output tokens that the judge's word is expected to take.
const WORD_TOKENS: u64 = 60;

/// The ensemble that the route asks for: the best models of the first one's zone, as many as the
/// cost cap allows, best quality first, so that it decides between equals.
///
/// # Errors
/// Why there is none.
pub(super) fn asked(planning: &Planning<'_, '_>) -> Result<Shape, String> {
    let spec = planning.policy.spec.and_then(|spec| spec.ensemble.clone()).unwrap_or_default();
    let first = planning.ordered.first().ok_or("no model is left")?;
    let zone = first.model.zone;
    let mut pool: Vec<&Eligible<'_>> = vec![first];
    pool.extend(
        planning
            .ranked
            .iter()
            .filter(|option| !option.fallback_only && option.model.zone == zone && option.name != first.name),
    );
    // Nobody judges an answer of its own, unless there would be no two to judge.
    let is_judge = |option: &Eligible<'_>| spec.combine == Combine::Judge && spec.judge.as_deref() == Some(option.name);
    if pool.iter().filter(|option| !is_judge(option)).count() > 1 {
        pool.retain(|option| !is_judge(option));
    }
    let wanted = spec.models as usize;
    pool.truncate(wanted);
    if pool.len() < 2 {
        return Err(format!("fewer than two models are left in zone {zone}, and an ensemble stays in one"));
    }
    let judge = match (spec.combine, spec.judge.as_deref()) {
        (Combine::Judge, Some(name)) => Some(judge(planning, name, &pool)),
        _ => None,
    };
    let (judge, unjudged) = match judge {
        Some(Ok(judge)) => (Some(judge), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, None),
    };
    let (members, judge) = affordable(planning, pool, judge)?;
    Ok(shape(planning, (members, wanted), judge, (spec.combine, unjudged)))
}

/// As many members as the cap allows together with the judge, and without it when that leaves two.
fn affordable<'p, 'a>(
    planning: &Planning<'p, 'a>,
    pool: Vec<&'p Eligible<'a>>,
    judge: Option<PlannedAttempt>,
) -> Result<(Vec<&'p Eligible<'a>>, Option<PlannedAttempt>), String> {
    let cap = planning.request.admission.max_cost_usd.unwrap_or(PicoUsd::MAX);
    let count = |mut sum: PicoUsd| {
        let fits = |option: &&&Eligible<'_>| {
            sum = sum.saturating_add(option.estimate.cost);
            sum <= cap
        };
        pool.iter().take_while(fits).count()
    };
    let judge_cost = judge.as_ref().map_or(PicoUsd::ZERO, |judge| judge.expected_cost_usd);
    let (with_judge, without) = (count(judge_cost), count(PicoUsd::ZERO));
    let (count, judge) = if with_judge >= 2 { (with_judge, judge) } else { (without, None) };
    if count < 2 {
        return Err(format!("two calls are expected to cost more than the cap of {cap} US dollars"));
    }
    let mut members: Vec<&Eligible<'_>> = pool.into_iter().take(count).collect();
    members.sort_by(|left, right| right.estimate.quality.total_cmp(&left.estimate.quality));
    Ok((members, judge))
}

/// The call of the judge, whom governance must allow like any model.
fn judge(planning: &Planning<'_, '_>, name: &str, members: &[&Eligible<'_>]) -> Result<PlannedAttempt, String> {
    let (admission, snapshot) = (planning.request.admission, planning.snapshot);
    let model = snapshot.resources.models.get(name).ok_or_else(|| format!("judge {name} is no model"))?;
    let is_allowed = admission.allowed_models.iter().any(|allowed| allowed == name);
    let zone = members.first().map(|member| member.model.zone);
    if !is_allowed || !admission.allowed_zones.contains(&model.zone) {
        return Err(format!("governance does not allow judge {name} for this task"));
    }
    if Some(model.zone) != zone {
        return Err(format!("judge {name} runs in another zone"));
    }
    if model.disabled || matches!(state(name, snapshot), State::Open { .. }) {
        return Err(format!("judge {name} is out of service"));
    }
    let answers: u64 = members.iter().map(|member| member.estimate.cautious_output_tokens + FRAME_TOKENS).sum();
    let input_tokens = planning.request.work.input_tokens.saturating_add(FRAME_TOKENS).saturating_add(answers);
    #[expect(clippy::cast_precision_loss, reason = "60")]
    let seconds = WORD_TOKENS as f64 / model.speed.tokens_per_second;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is never negative")]
    let expected_latency_ms = model.speed.first_token_ms.saturating_add((seconds * 1_000.0) as u64);
    Ok(PlannedAttempt {
        model: name.to_owned(),
        zone: model.zone,
        timeout_ms: model.timeout_ms.min(planning.left_ms),
        expected_cost_usd: PicoUsd::of_quantities(&[
            (input_tokens, model.price.input_usd_per_mtok),
            (WORD_TOKENS, model.price.output_usd_per_mtok),
        ]),
        expected_latency_ms,
    })
}

fn shape(
    planning: &Planning<'_, '_>,
    (members, wanted): (Vec<&Eligible<'_>>, usize),
    judge: Option<PlannedAttempt>,
    (combine, unjudged): (Combine, Option<String>),
) -> Shape {
    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
    let attempts = attempts(planning, members.into_iter());
    let cost: PicoUsd = attempts.iter().chain(&judge).map(|planned| planned.expected_cost_usd).sum();
    let fewer = if names.len() < wanted { format!(" ({wanted} were asked for)") } else { String::new() };
    let decides = match (&judge, combine, unjudged) {
        (Some(judge), ..) => format!("{} chooses", judge.model),
        (None, Combine::Majority, _) => "the majority decides".to_owned(),
        (None, Combine::Judge, Some(why)) => format!("the majority decides, because {why}"),
        (None, Combine::Judge, None) => "the majority decides, because the cap leaves nothing for the judge".to_owned(),
    };
    let route = planning.policy.name;
    let because = format!(
        "{} answer at once{fewer} and {decides}, for ${cost} expected: route {route} asks for it",
        names.join(", ")
    );
    let combine = if judge.is_some() { Combine::Judge } else { Combine::Majority };
    Shape { strategy: Strategy::Ensemble { combine }, attempts, judge, because: Some(because) }
}
