#![allow(clippy::unwrap_used)]
use super::*;
use crate::domain::samples::{attempt, routed, start, usd};
use neptune_contracts::attempt::ErrorClass;

const EXTERNAL: &[Zone] = &[Zone::External];

fn after(made: &[Attempt]) -> String {
    name(next(&routed(), made, EXTERNAL, start()))
}

fn name(step: Step<'_>) -> String {
    match step {
        Step::Attempt(planned) => format!("call {}", planned.model),
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
    assert_eq!(name(next(&routed(), &[failed("a"), failed("b")], &both, start())), "call c");
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
    let failed = attempt("a", Some(ErrorClass::Overload), "0");
    assert_eq!(name(next(&routed, &[], EXTERNAL, start())), "call a");
    assert_eq!(name(next(&routed, std::slice::from_ref(&failed), EXTERNAL, start())), "End(Exhausted)");
    routed.attempts_made = vec![failed];
    assert_eq!(name(next(&routed, &[], EXTERNAL, start())), "End(Exhausted)");
}

#[test]
fn time_ends_a_task_at_the_very_moment() {
    let mut routed = routed();
    let expires_at = routed.admission.expires_at;
    assert_eq!(name(next(&routed, &[], EXTERNAL, expires_at.plus_millis(-1))), "call a");
    assert_eq!(next(&routed, &[], EXTERNAL, expires_at), Step::End(End::AdmissionExpired));
    routed.task.constraints.deadline = Some(start().plus_millis(10));
    assert_eq!(name(next(&routed, &[], EXTERNAL, start().plus_millis(9))), "call a");
    assert_eq!(next(&routed, &[], EXTERNAL, start().plus_millis(10)), Step::End(End::Expired));
    let answered = [attempt("a", None, "0")];
    assert_eq!(next(&routed, &answered, EXTERNAL, expires_at), Step::Completed, "an answer that is there is kept");
}

#[test]
fn a_call_that_the_deadline_cut_expires_the_task() {
    let mut routed = routed();
    routed.task.constraints.deadline = Some(start().plus_millis(3_000));
    routed.plan.attempts.truncate(1);
    let after = |class, left_ms: i64| {
        let failed = attempt("a", Some(class), "0");
        name(next(&routed, &[failed], EXTERNAL, start().plus_millis(3_000 - left_ms)))
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
    assert_eq!(next(&routed(), &[failed("0.600000000001")], EXTERNAL, start()), over("0.600000000001"));
    let mut routed = routed();
    routed.attempts_made = vec![failed("0.5")];
    assert_eq!(next(&routed, &[failed("0.2")], EXTERNAL, start()), over("0.7"));
    routed.admission.max_cost_usd = None;
    assert_eq!(name(next(&routed, &[failed("99")], EXTERNAL, start())), "call b");
    routed.admission.max_cost_usd = Some(usd("0.3"));
    routed.attempts_made.clear();
    assert!(matches!(next(&routed, &[], EXTERNAL, start()), Step::End(End::OverCost { .. })), "the first attempt too");
}
