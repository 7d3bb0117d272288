#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::samples::{attempt, routed, start};
use neptune_contracts::{
    limits::{RateLimits, RateWindow},
    plan::Strategy as Combined,
};
use proptest::prelude::*;
use std::slice;

/// An attempt that ended `at_ms` after the beginning.
fn ended(at_ms: i64, class: Option<ErrorClass>, retry_after_ms: Option<u64>) -> Attempt {
    let mut ended = attempt("a", class, "0");
    (ended.started_at, ended.latency_us) = (start().plus_millis(at_ms), 0);
    if let Some(error) = &mut ended.error {
        error.retry_after_ms = retry_after_ms;
    }
    ended
}

fn after(seen: &[(i64, Option<ErrorClass>, Option<u64>)]) -> Sight {
    let mut sight = Sight::default();
    for (at_ms, class, retry_after_ms) in seen {
        sight.saw(&ended(*at_ms, *class, *retry_after_ms));
    }
    sight
}

/// For how long the model is barred at `now_ms`, in milliseconds.
fn check(seen: &[(i64, Option<ErrorClass>, Option<u64>)], now_ms: i64, wanted: Option<u64>) {
    let now = start().plus_millis(now_ms);
    let found = after(seen).bar(now).map(|bar| bar.until.micros_since(now) / 1_000);
    assert_eq!(found, wanted, "{seen:?} at {now_ms}");
}

const FAIL: Option<ErrorClass> = Some(ErrorClass::Overload);

#[test]
fn a_model_is_barred_after_failures_in_a_row_or_at_its_providers_word() {
    let four = [(0, FAIL, None), (1, FAIL, None), (2, FAIL, None), (3, FAIL, None)];
    check(&four, 4, None);
    check(&[&four[..], &[(4, FAIL, None)]].concat(), 5, Some(4_999));
    check(&[&four[..], &[(4, None, None), (5, FAIL, None)]].concat(), 6, None);
    // Failures far apart are single ones.
    check(&[&four[..], &[(20_000, FAIL, None)]].concat(), 20_001, None);
    check(&[(0, FAIL, Some(700))], 100, Some(600));
    check(&[(0, Some(ErrorClass::RateLimit), None)], 100, Some(900));
    check(&[(0, Some(ErrorClass::RateLimit), Some(9_000))], 9_000, None);
    check(&[(0, Some(ErrorClass::Auth), None)], 1, Some(59_999));
    check(&[(0, Some(ErrorClass::RateLimit), Some(u64::MAX))], 0, Some(600_000));
}

#[test]
fn a_tasks_own_failure_bars_nothing_and_a_late_answer_opens_nothing() {
    let own = Some(ErrorClass::ContextLength);
    check(&[(0, own, None), (1, own, None), (2, own, None), (3, own, None), (4, own, None)], 5, None);
    check(&[(10, Some(ErrorClass::Auth), None), (5, None, None)], 11, Some(59_999));
    check(&[(10, Some(ErrorClass::Auth), None), (12, None, None)], 13, None);
}

#[test]
fn a_providers_own_word_holds_against_answers_of_calls_that_had_begun_before() {
    let asked = |seen: &[Attempt], now_ms: i64| {
        let mut sight = Sight::default();
        seen.iter().for_each(|attempt| sight.saw(attempt));
        sight.asked(start().plus_millis(now_ms)).map(|bar| bar.until.micros_since(start()) / 1_000)
    };
    let refused = ended(10, Some(ErrorClass::RateLimit), Some(500));
    let answered = |began_ms: i64| Attempt { latency_us: 20_000, ..ended(began_ms, None, None) };
    assert_eq!(asked(slice::from_ref(&refused), 10), Some(510));
    assert_eq!(asked(slice::from_ref(&refused), 510), None);
    assert_eq!(asked(&[refused.clone(), answered(5)], 30), Some(510), "it had begun before");
    assert_eq!(asked(&[refused.clone(), answered(12)], 40), None, "it was answered all the same");
    assert_eq!(asked(&[refused, ended(20, FAIL, Some(100))], 30), Some(510), "the longest word holds");
    assert_eq!(asked(&[ended(10, FAIL, Some(500))], 30), Some(510), "whatever the failure was");
    // What it did not ask for is no word of its own.
    for class in [ErrorClass::RateLimit, ErrorClass::Overload, ErrorClass::Auth] {
        assert_eq!(asked(&vec![ended(10, Some(class), None); 6], 11), None, "{class}");
    }
}

#[test]
fn the_last_request_of_a_window_bars_until_the_reset() {
    let mut last = ended(0, None, None);
    let requests = Some(RateWindow { limit: Some(5), remaining: 0, resets_at: start().plus_millis(3_000) });
    last.limits = Some(Box::new(RateLimits { requests, ..RateLimits::default() }));
    let mut sight = Sight::default();
    sight.saw(&last);
    let bar = Bar { until: start().plus_millis(3_000), cause: ErrorClass::RateLimit };
    assert_eq!((sight.bar(start()), sight.bar(start().plus_millis(3_000))), (Some(bar), None));
}

fn bar(for_ms: i64, cause: ErrorClass) -> Option<Bar> {
    Some(Bar { until: start().plus_millis(for_ms), cause })
}

fn models(plan: &Plan) -> Vec<&str> {
    plan.attempts.iter().map(|planned| planned.model.as_str()).collect()
}

#[test]
fn a_barred_attempt_is_passed_over_while_another_remains_and_the_fact_says_so() {
    let mut plan = routed().plan;
    assert_eq!(thin(&mut plan, &[bar(900, ErrorClass::Overload), None, None], start()), Outlook::Open);
    assert_eq!(models(&plan), ["b", "c"]);
    let removed = &plan.explanation.removed[0];
    assert_eq!((removed.model.as_str(), removed.by.as_str()), ("a", "executor"));
    assert!(removed.reason.contains("overload") && removed.reason.contains("900 ms"), "{}", removed.reason);
}

#[test]
fn when_all_are_barred_only_rate_limits_are_waited_for() {
    let mut plan = routed().plan;
    let limited = [bar(900, ErrorClass::RateLimit), bar(300, ErrorClass::RateLimit), bar(500, ErrorClass::RateLimit)];
    assert_eq!(thin(&mut plan, &limited, start()), Outlook::AllLimited { for_ms: 300 });
    let mixed = [bar(900, ErrorClass::RateLimit), bar(300, ErrorClass::Auth), bar(500, ErrorClass::RateLimit)];
    assert_eq!(thin(&mut plan, &mixed, start()), Outlook::Open);
    assert_eq!(models(&plan), ["a", "b", "c"]);
}

#[test]
fn attempts_that_belong_together_stay_together() {
    let mut plan =
        Plan { strategy: Combined::Ensemble { combine: neptune_contracts::plan::Combine::Majority }, ..routed().plan };
    assert_eq!(thin(&mut plan, &[bar(900, ErrorClass::Auth), None, None], start()), Outlook::Open);
    assert_eq!(models(&plan).len(), 3);
}

proptest! {
    #[test]
    fn a_plan_never_loses_its_last_attempt(barred in prop::collection::vec(any::<bool>(), 3)) {
        let mut plan = routed().plan;
        let bars: Vec<Option<Bar>> =
            barred.iter().map(|barred| bar(900, ErrorClass::Overload).filter(|_| *barred)).collect();
        thin(&mut plan, &bars, start());
        prop_assert!(!plan.attempts.is_empty());
        let total = plan.attempts.len() + plan.explanation.removed.len();
        prop_assert_eq!(total, 3, "each is kept or noted");
    }
}
