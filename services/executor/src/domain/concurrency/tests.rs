use super::*;
use crate::domain::samples::start;
use proptest::prelude::*;

fn call(at_ms: i64, is_overloaded: bool, in_flight: u64) -> Ended {
    let began_at = start().plus_millis(at_ms);
    Ended { began_at, latency_us: 100_000, output_tokens: 0, is_overloaded, in_flight }
}

fn slow(at_ms: i64, latency_us: u64) -> Ended {
    Ended { latency_us, output_tokens: 100, ..call(at_ms, false, 100) }
}

/// Rounds of `in_flight` calls, all ended by `is_overloaded`.
fn rounds(concurrency: &mut Concurrency, count: i64, is_overloaded: bool) {
    for round in 0..count {
        let in_flight = concurrency.limit().min(100);
        for _ in 0..in_flight {
            concurrency.ended(&call(round * 1_000, is_overloaded, in_flight));
        }
    }
}

#[test]
fn an_overloaded_endpoint_is_cut_to_what_it_stands_and_grows_back_by_one_a_round() {
    let mut concurrency = Concurrency::default();
    rounds(&mut concurrency, 1, true);
    assert_eq!(concurrency.limit(), 70, "once a round, from what was under way");
    rounds(&mut concurrency, 40, true);
    assert_eq!(concurrency.limit(), 4);
    // The calls of these rounds began later.
    for round in 100..110 {
        let in_flight = concurrency.limit();
        for _ in 0..in_flight {
            concurrency.ended(&call(round * 1_000, false, in_flight));
        }
    }
    assert!((12..=14).contains(&concurrency.limit()), "{concurrency:?}");
}

#[test]
fn stray_failures_cut_nothing() {
    let mut concurrency = Concurrency::default();
    for number in 0..1_000 {
        concurrency.ended(&call(number * 200, number % 20 == 0, 50));
    }
    assert_eq!(concurrency, Concurrency { overloaded_share: concurrency.overloaded_share, ..Concurrency::default() });
}

#[test]
fn answers_that_take_much_longer_than_usual_are_overload() {
    let mut concurrency = Concurrency::default();
    for number in 0..100 {
        concurrency.ended(&slow(number * 200, 4_000_000));
    }
    assert_eq!(concurrency.limit(), 4_096);
    for number in 100..110 {
        concurrency.ended(&slow(number * 21_000, 20_000_000));
    }
    assert!(concurrency.limit() <= 70, "{concurrency:?}");
    // Ten times slower, and quick all the same.
    let mut concurrency = Concurrency::default();
    concurrency.ended(&slow(0, 10_000));
    for number in 1..50 {
        concurrency.ended(&slow(number * 200, 100_000));
    }
    assert_eq!(concurrency.limit(), 4_096);
}

prop_compose! {
    fn calls()(began_ms in 0_i64..100_000, latency_us in 0_u64..20_000_000, output_tokens in 0_u64..2_000, is_overloaded: bool, in_flight in 0_u64..5_000) -> Ended {
        Ended { latency_us, output_tokens, ..call(began_ms, is_overloaded, in_flight) }
    }
}

proptest! {
    #[test]
    fn whatever_happens_it_stays_in_its_bounds_and_grows_slowly(calls in prop::collection::vec(calls(), 0..300)) {
        let mut concurrency = Concurrency::default();
        for call in &calls {
            let before = concurrency.limit;
            concurrency.ended(call);
            prop_assert!((LEAST..=MOST).contains(&concurrency.limit), "{concurrency:?}");
            prop_assert!(concurrency.limit <= before + 1.0 / LEAST, "{before} {concurrency:?}");
            let is_grown_for_nothing = concurrency.limit > before && count(call.in_flight) * 2.0 < before;
            prop_assert!(!is_grown_for_nothing, "{before} {call:?}");
        }
    }

    #[test]
    fn calls_that_began_before_a_cut_cut_no_further(calls in prop::collection::vec(calls(), 1..200)) {
        let mut concurrency = Concurrency::default();
        let mut cuts: Vec<Timestamp> = Vec::new();
        for call in &calls {
            let before = concurrency.limit;
            concurrency.ended(call);
            if concurrency.limit < before {
                prop_assert!(cuts.last().is_none_or(|at| *at < call.began_at), "{cuts:?} {call:?}");
                cuts.push(concurrency.cut_at.unwrap_or(call.began_at));
            }
        }
    }
}
