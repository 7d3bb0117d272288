#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::samples::{attempt, routed, start, usd};
use neptune_contracts::attempt::{ErrorClass, Validation};

const EXTERNAL: &[Zone] = &[Zone::External];

fn after(made: &[Attempt]) -> String {
    name(next(&routed(), &progress(made), EXTERNAL, start()))
}

/// Each attempt was the next one of its plan.
fn progress(made: &[Attempt]) -> Progress<'_> {
    Progress { made, begun: made.len(), is_told: false }
}

/// An answer that fails the checks.
fn wrong(model: &str, cost: &str) -> Attempt {
    let validation = Validation { passed: false, repaired: false, problems: vec!["not JSON".into()] };
    Attempt { validation: Some(validation), ..attempt(model, None, cost) }
}

fn name(step: Step<'_>) -> String {
    match step {
        Step::Attempt(planned) => format!("call {}", planned.model),
        Step::ReAsk(planned) => format!("tell {}", planned.model),
        Step::Retry { planned, .. } => format!("again {}", planned.model),
        other => format!("{other:?}"),
    }
}

#[test]
fn attempts_are_made_in_order_until_one_succeeds() {
    let failed = |model| attempt(model, Some(ErrorClass::Overload), "0");
    assert_eq!(after(&[]), "call a");
    assert_eq!(after(&[failed("a")]), "call b");
    assert_eq!(after(&[failed("a"), failed("b")]), "HandOver(2)");
    assert_eq!(after(&[failed("a"), failed("b"), failed("c")]), "End(Exhausted)");
    assert_eq!(after(&[failed("a"), attempt("b", None, "0")]), "Completed");
    let both = [Zone::External, Zone::Onprem];
    assert_eq!(name(next(&routed(), &progress(&[failed("a"), failed("b")]), &both, start())), "call c");
}

#[test]
fn only_a_request_that_is_wrong_everywhere_ends_the_plan() {
    use ErrorClass::{
        Auth, BadRequest, ContextLength, Malformed, Network, Overload, Quota, RateLimit, Refusal, Timeout, Unsupported,
    };
    for class in [Auth, ContextLength, Malformed, Network, Overload, Quota, RateLimit, Refusal, Timeout, Unsupported] {
        assert_eq!(after(&[attempt("a", Some(class), "0")]), "call b", "{class:?}");
    }
    assert_eq!(after(&[attempt("a", Some(BadRequest), "0")]), "End(Exhausted)");
}

#[test]
fn a_single_plan_has_one_attempt_in_whichever_zone() {
    let mut routed = routed();
    routed.plan.strategy = Strategy::Single;
    let failed = attempt("a", Some(ErrorClass::Timeout), "0");
    assert_eq!(name(next(&routed, &progress(&[]), EXTERNAL, start())), "call a");
    assert_eq!(name(next(&routed, &progress(std::slice::from_ref(&failed)), EXTERNAL, start())), "End(Exhausted)");
    routed.attempts_made = vec![failed];
    assert_eq!(name(next(&routed, &progress(&[]), EXTERNAL, start())), "End(Exhausted)");
}

#[test]
fn a_lone_model_is_called_once_more() {
    let failed = |model| attempt(model, Some(ErrorClass::Overload), "0");
    let again = |model| Attempt { purpose: Some("retry".into()), ..failed(model) };
    let step = |change: fn(&mut TaskRouted), made: &[Attempt]| {
        let mut routed = routed();
        routed.plan.attempts.truncate(2);
        change(&mut routed);
        let begun = made.iter().filter(|attempt| attempt.purpose.is_none()).count();
        name(next(&routed, &Progress { made, begun, is_told: false }, EXTERNAL, start()))
    };
    assert_eq!(step(|_| {}, &[failed("a")]), "call b", "another model is left");
    assert_eq!(step(|_| {}, &[failed("a"), failed("b")]), "End(Exhausted)", "the task is routed anew");
    let single: fn(&mut TaskRouted) = |routed| routed.plan.strategy = Strategy::Single;
    assert_eq!(step(single, &[failed("a")]), "again a");
    assert_eq!(step(single, &[failed("a"), again("a")]), "End(Exhausted)", "once");
    let beyond = step(|routed| routed.admission.max_cost_usd = Some(usd("0.3")), &[failed("a")]);
    assert!(beyond.starts_with("End(OverCost"), "{beyond}");
    let cheap: fn(&mut TaskRouted) = |routed| {
        routed.plan.strategy = Strategy::Single;
        routed.admission.max_cost_usd = Some(usd("0.3"));
    };
    assert_eq!(step(cheap, &[failed("a")]), "End(Exhausted)", "a second call could exceed the cap");
    let piece = Attempt { chunks: 1, ..failed("a") };
    assert_eq!(step(single, &[piece]), "End(Interrupted)", "nothing is said twice");
}

#[test]
fn time_ends_a_task_at_the_very_moment() {
    let mut routed = routed();
    let expires_at = routed.admission.expires_at;
    assert_eq!(name(next(&routed, &progress(&[]), EXTERNAL, expires_at.plus_millis(-1))), "call a");
    assert_eq!(next(&routed, &progress(&[]), EXTERNAL, expires_at), Step::End(End::AdmissionExpired));
    routed.task.constraints.deadline = Some(start().plus_millis(10));
    assert_eq!(name(next(&routed, &progress(&[]), EXTERNAL, start().plus_millis(9))), "call a");
    assert_eq!(next(&routed, &progress(&[]), EXTERNAL, start().plus_millis(10)), Step::End(End::Expired));
    let answered = [attempt("a", None, "0")];
    assert_eq!(
        next(&routed, &progress(&answered), EXTERNAL, expires_at),
        Step::Completed,
        "an answer that is there is kept"
    );
}

#[test]
fn a_call_that_the_deadline_cut_expires_the_task() {
    let mut routed = routed();
    routed.task.constraints.deadline = Some(start().plus_millis(3_000));
    routed.plan.attempts.truncate(1);
    let after = |class, left_ms: i64| {
        let failed = attempt("a", Some(class), "0");
        name(next(&routed, &progress(&[failed]), EXTERNAL, start().plus_millis(3_000 - left_ms)))
    };
    assert_eq!(after(ErrorClass::Timeout, 1), "End(Expired)");
    assert_eq!(after(ErrorClass::Timeout, 19), "End(Expired)", "by another clock");
    assert_eq!(after(ErrorClass::Timeout, 20), "End(Exhausted)", "the model's own timeout");
    assert_eq!(after(ErrorClass::Overload, 1), "End(Exhausted)", "the model failed by itself");
    assert_eq!(after(ErrorClass::Overload, 0), "End(Expired)");
}

#[test]
fn the_cap_counts_what_all_executors_spent() {
    let failed = |cost| attempt("a", Some(ErrorClass::Timeout), cost);
    assert_eq!(after(&[failed("0.6")]), "call b", "exactly the cap");
    let over = |spent: &str| Step::End(End::OverCost { spent: usd(spent), next: usd("0.4"), limit: usd("1") });
    assert_eq!(next(&routed(), &progress(&[failed("0.600000000001")]), EXTERNAL, start()), over("0.600000000001"));
    let mut routed = routed();
    routed.attempts_made = vec![failed("0.5")];
    assert_eq!(next(&routed, &progress(&[failed("0.2")]), EXTERNAL, start()), over("0.7"));
    routed.admission.max_cost_usd = None;
    assert_eq!(name(next(&routed, &progress(&[failed("99")]), EXTERNAL, start())), "call b");
    routed.admission.max_cost_usd = Some(usd("0.3"));
    routed.attempts_made.clear();
    assert!(
        matches!(next(&routed, &progress(&[]), EXTERNAL, start()), Step::End(End::OverCost { .. })),
        "the first attempt too"
    );
}

#[test]
fn a_wrong_answer_is_told_to_its_model_once() {
    let step = |strategy: Strategy, made: &[Attempt], is_told: bool| {
        let mut routed = routed();
        routed.plan.strategy = strategy;
        let begun = if is_told { made.len() - 1 } else { made.len() };
        name(next(&routed, &Progress { made, begun, is_told }, EXTERNAL, start()))
    };
    let once = [wrong("a", "0.1")];
    let twice = [wrong("a", "0.1"), wrong("a", "0.1")];
    assert_eq!(step(Strategy::Fallback, &once, false), "tell a");
    assert_eq!(step(Strategy::Fallback, &twice, true), "call b");
    assert_eq!(step(Strategy::Single, &once, false), "tell a");
    assert_eq!(step(Strategy::Single, &twice, true), "End(Exhausted)");
    let right =
        Attempt { validation: Some(Validation { passed: true, ..Validation::default() }), ..attempt("a", None, "0") };
    assert_eq!(step(Strategy::Fallback, &[wrong("a", "0.1"), right], true), "Completed");
}

#[test]
fn a_cascade_goes_on_to_the_strong_model_and_tells_only_the_last() {
    let mut routed = routed();
    routed.plan.strategy = Strategy::Cascade;
    let step = |made: &[Attempt]| name(next(&routed, &progress(made), &[Zone::External, Zone::Onprem], start()));
    assert_eq!(step(&[wrong("a", "0.1")]), "call b");
    assert_eq!(step(&[wrong("a", "0"), wrong("b", "0"), wrong("c", "0.1")]), "tell c");
}

#[test]
fn a_model_is_not_told_beyond_the_cap_or_the_admission() {
    let made = [wrong("a", "0.6")];
    assert_eq!(after(&made), "call b", "telling it may cost 1.2");
    let routed = routed();
    let late = next(&routed, &progress(&made), EXTERNAL, routed.admission.expires_at);
    assert_eq!(late, Step::End(End::AdmissionExpired));
}

#[test]
fn what_begins_at_once_stays_within_the_cap_and_the_zones() {
    let count = |change: fn(&mut TaskRouted), zones: &[Zone]| {
        let mut routed = routed();
        change(&mut routed);
        at_once(&routed, 3, zones, start()).len()
    };
    let both = [Zone::External, Zone::Onprem];
    assert_eq!(count(|_| {}, EXTERNAL), 2, "the third runs elsewhere");
    assert_eq!(count(|_| {}, &both), 2, "three may cost 1.2, the cap is 1");
    assert_eq!(count(|routed| routed.admission.max_cost_usd = None, &both), 3);
    assert_eq!(count(|routed| routed.admission.max_cost_usd = Some(usd("0.3")), &both), 0);
    assert_eq!(count(|_| {}, &[Zone::Onprem]), 0);
    assert_eq!(count(|routed| routed.admission.expires_at = start(), &both), 0);
    assert_eq!(count(|routed| routed.task.constraints.deadline = Some(start()), &both), 0);
}

#[test]
fn a_call_beside_another_is_bound_like_any() {
    let may = |change: fn(&mut TaskRouted), cost: &str| {
        let mut routed = routed();
        change(&mut routed);
        let planned = routed.plan.attempts[1].clone();
        may_call(&routed, &[attempt("a", None, "0.2")], (&planned, usd(cost)), (EXTERNAL, start()))
    };
    assert!(may(|_| {}, "0.8"));
    assert!(!may(|_| {}, "0.800000000001"));
    assert!(!may(|routed| routed.admission.expires_at = start(), "0"));
    assert!(!may(|routed| routed.task.constraints.deadline = Some(start()), "0"));
    assert!(!may(|routed| routed.plan.attempts[1].zone = Zone::Onprem, "0"));
}
