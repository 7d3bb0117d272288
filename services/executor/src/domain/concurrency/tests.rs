use super::*;
use crate::domain::samples::start;
use proptest::prelude::*;

fn call(at_ms: i64, is_strained: bool, in_flight: u64) -> Ended {
    let began_at = start().plus_millis(at_ms);
    Ended { began_at, latency_us: 100_000, output_tokens: 0, is_strained, in_flight }
}

fn slow(at_ms: i64, latency_us: u64) -> Ended {
    Ended { latency_us, output_tokens: 100, ..call(at_ms, false, 100) }
}

/// A limit and the time that passed, in rounds of calls.
#[derive(Default)]
struct Rounds {
    concurrency: Concurrency,
    made: i64,
}

impl Rounds {
    /// So many rounds of as many calls as the limit allows and are `wanted`; `is_strained` says it of a call by its
    /// place in its round and how many are under way. The limit after each round.
    fn make(&mut self, rounds: usize, wanted: u64, mut is_strained: impl FnMut(u64, u64) -> bool) -> Vec<u64> {
        let mut limits = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let in_flight = self.concurrency.limit().min(wanted);
            for place in 0..in_flight {
                let ended = call(self.made * 1_000, is_strained(place, in_flight), in_flight);
                self.concurrency.ended(&ended);
            }
            self.made += 1;
            limits.push(self.concurrency.limit());
        }
        limits
    }
}

/// True in so many of a hundred cases, as good as drawn (a linear congruential generator).
fn chance(percent: u64) -> impl FnMut() -> bool {
    let mut state = 7_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 100 < percent
    }
}

/// Rounds in which fewer than `wanted` calls had room, of a hundred.
fn held_back(limits: &[u64], wanted: u64) -> usize {
    limits.iter().filter(|limit| **limit < wanted).count() * 100 / limits.len()
}

#[test]
fn an_endpoint_that_refuses_what_is_above_its_capacity_is_cut_to_it() {
    let mut rounds = Rounds::default();
    let refuses = |place: u64, _| place >= 20;
    let first = rounds.make(2, 100, refuses);
    assert_eq!(first, [50, 4], "from what was under way, and at the second time to the least");
    rounds.make(20, 100, refuses);
    let settled = rounds.make(500, 100, refuses);
    assert!(settled.iter().all(|limit| (10..=30).contains(limit)), "{settled:?}");
    let least: Vec<u64> = settled.iter().map(|limit| (*limit).min(20)).collect();
    let served = least.iter().sum::<u64>() / 500;
    assert!(served >= 16, "{served} of 20 are served: {settled:?}");
}

#[test]
fn one_that_answers_nobody_when_too_many_ask_is_cut_until_it_answers() {
    let mut rounds = Rounds::default();
    let collapses = |_, in_flight: u64| in_flight > 30;
    rounds.make(30, 100, collapses);
    let settled = rounds.make(500, 100, collapses);
    assert!(settled.iter().all(|limit| (10..=31).contains(limit)), "{settled:?}");
    assert!(settled.iter().filter(|limit| **limit > 30).count() < 25, "{settled:?}");
}

#[test]
fn one_that_fails_as_often_however_many_ask_keeps_its_room() {
    for percent in [10, 20, 30, 50, 100] {
        let (mut rounds, mut fails) = (Rounds::default(), chance(percent));
        let limits = rounds.make(2_000, 64, |_, _| fails());
        assert!(held_back(&limits, 64) <= 5, "{percent} %: {} of 100 rounds", held_back(&limits, 64));
    }
}

#[test]
fn one_that_fails_by_itself_and_is_overloaded_too_is_cut() {
    let (mut rounds, mut fails) = (Rounds::default(), chance(30));
    rounds.make(100, 100, |place, _| place >= 20 || fails());
    let settled = rounds.make(500, 100, |place, _| place >= 20 || fails());
    assert!(settled.iter().all(|limit| *limit <= 60), "{settled:?}");
}

#[test]
fn what_failed_by_itself_once_is_cut_when_it_is_overloaded_later() {
    let (mut rounds, mut fails) = (Rounds::default(), chance(40));
    rounds.make(300, 100, |_, _| fails());
    // The incident is over, and its share is forgotten.
    rounds.make(100, 100, |_, _| false);
    assert!(rounds.concurrency.own_share <= SLACK, "{:?}", rounds.concurrency);
    rounds.make(20, 100, |place, _| place >= 20);
    assert!(rounds.concurrency.limit() <= 30, "{:?}", rounds.concurrency);
    // And at once where it is not over.
    let (mut rounds, mut fails) = (Rounds::default(), chance(30));
    rounds.make(300, 100, |_, _| fails());
    rounds.make(20, 100, |place, _| place >= 20);
    assert!(rounds.concurrency.limit() <= 30, "{:?}", rounds.concurrency);
}

#[test]
fn few_calls_are_no_load() {
    let mut rounds = Rounds::default();
    let limits = rounds.make(500, 4, |_, _| true);
    assert!(limits.iter().all(|limit| *limit == 4_096), "{limits:?}");
    assert!(rounds.concurrency.own_share > 0.9, "and what they say is the endpoint's own");
}

#[test]
fn after_a_cut_it_grows_quickly_to_what_was_good_and_by_one_a_round_from_there() {
    let mut rounds = Rounds::default();
    rounds.make(12, 100, |place, _| place >= 20);
    let limits = rounds.make(8, 100, |_, _| false);
    assert!(limits.windows(2).any(|pair| pair[1] == pair[0] * 2), "{limits:?}");
    let tail = &limits[limits.len() - 3..];
    assert!(tail.iter().all(|limit| (25..=32).contains(limit)), "{limits:?}");
}

#[test]
fn stray_failures_cut_nothing() {
    let mut concurrency = Concurrency::default();
    for number in 0..10_000 {
        concurrency.ended(&call(number * 200, number % 10 == 0, 50));
    }
    assert_eq!((concurrency.limit(), concurrency.cut_at), (4_096, None));
}

#[test]
fn answers_that_take_much_longer_than_the_quickest_are_strain() {
    let mut concurrency = Concurrency::default();
    for number in 0..200 {
        concurrency.ended(&slow(number * 200, 4_000_000));
    }
    assert_eq!(concurrency.limit(), 4_096);
    for number in 200..230 {
        concurrency.ended(&slow(number * 200, 20_000_000));
    }
    assert_eq!(concurrency.limit(), 50, "{concurrency:?}");
    // Ten times slower, and quick all the same.
    let mut concurrency = Concurrency::default();
    concurrency.ended(&slow(0, 10_000));
    for number in 1..200 {
        concurrency.ended(&slow(number * 200, 100_000));
    }
    assert_eq!(concurrency.limit(), 4_096);
}

#[test]
fn a_queue_that_makes_everybody_wait_is_found_by_its_latency() {
    let (mut concurrency, mut limits) = (Concurrency::default(), Vec::new());
    for round in 0..200_i64 {
        // Load comes on; twenty are answered at a time, in two seconds, and the others wait in line.
        let wanted = 100.min(4 + 2 * round.unsigned_abs());
        let in_flight = concurrency.limit().min(wanted);
        let latency_us = 2_000_000 * in_flight.div_ceil(20);
        for _ in 0..in_flight {
            let ended = Ended { latency_us, output_tokens: 100, ..call(round * 60_000, false, in_flight) };
            concurrency.ended(&ended);
        }
        limits.push(concurrency.limit());
    }
    assert!(limits[80..].iter().all(|limit| *limit <= 70), "three turns in line at most: {limits:?}");
    // One that is slow for good is not held back for it.
    for round in 300..400_i64 {
        let in_flight = concurrency.limit().min(100);
        for _ in 0..in_flight {
            let ended = Ended { latency_us: 30_000_000, output_tokens: 100, ..call(round * 60_000, false, in_flight) };
            concurrency.ended(&ended);
        }
    }
    assert!(concurrency.limit() >= 50, "{concurrency:?}");
}

prop_compose! {
    fn calls()(began_ms in 0_i64..100_000, latency_us in 0_u64..20_000_000, output_tokens in 0_u64..2_000, is_strained: bool, in_flight in 0_u64..5_000) -> Ended {
        Ended { latency_us, output_tokens, ..call(began_ms, is_strained, in_flight) }
    }
}

proptest! {
    #[test]
    fn whatever_happens_it_stays_in_its_bounds_and_grows_slowly_or_to_where_it_was(calls in prop::collection::vec(calls(), 0..1_000)) {
        let (mut concurrency, mut highest_before_a_cut) = (Concurrency::default(), 0.0_f64);
        for call in &calls {
            let before = concurrency.limit;
            concurrency.ended(call);
            prop_assert!((LEAST..=MOST).contains(&concurrency.limit), "{concurrency:?}");
            if concurrency.limit < before {
                highest_before_a_cut = highest_before_a_cut.max(before);
            }
            let is_taken_back = concurrency.limit <= highest_before_a_cut;
            prop_assert!(concurrency.limit <= before + 1.0 || is_taken_back, "{before} {concurrency:?}");
        }
    }

    #[test]
    fn calls_that_began_before_a_cut_cut_no_further(calls in prop::collection::vec(calls(), 1..1_000)) {
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
