#![allow(clippy::unwrap_used)]
use super::*;
use crate::domain::estimate::estimate;
use neptune_contracts::names::TaskType;
use neptune_testkit::builders;
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_795_000_000_000_000).unwrap()
}

fn window(limit: u64, remaining: u64, in_ms: i64) -> Option<RateWindow> {
    Some(RateWindow { limit: Some(limit), remaining, resets_at: now().plus_millis(in_ms) })
}

/// 1,000 tokens in, 20 out.
fn load(limits: RateLimits) -> Result<f64, Shortage> {
    let work = Work { task_type: TaskType::Classification, input_tokens: 1_000, output_limit: Some(20), choices: 1 };
    let estimate = estimate(&work, &builders::model(0.9, "1"), None, 0);
    Headroom { at_us: 0, limits }.load(&work, &estimate, now())
}

fn check_short(limits: RateLimits, for_ms: u64, reason: &str) {
    assert_eq!(load(limits), Err(Shortage { for_ms, reason: reason.to_owned() }));
}

#[test]
fn a_model_with_nothing_left_has_no_room_until_the_reset() {
    let requests = RateLimits { requests: window(500, 0, 1_500), ..RateLimits::default() };
    check_short(requests, 1_500, "its provider has 0 of 500 requests left until 2026-11-18T11:06:41.5Z");
    let tokens = RateLimits { tokens: window(30_000, 1_019, 9_000), ..RateLimits::default() };
    let reason = "its provider has 1019 of 30000 tokens left until 2026-11-18T11:06:49Z, 1020 are needed";
    check_short(tokens, 9_000, reason);
    let output = RateLimits { output_tokens: window(8_000, 19, 9_000), ..RateLimits::default() };
    assert!(load(output).unwrap_err().reason.contains("output tokens"));
    // Of several shortages the one that lasts longest decides.
    let both = RateLimits { requests: window(500, 0, 1_500), tokens: window(30_000, 0, 700), ..RateLimits::default() };
    assert_eq!(load(both).unwrap_err().for_ms, 1_500);
}

#[test]
fn what_is_past_its_reset_is_forgotten() {
    let spent = RateLimits { requests: window(500, 0, 0), tokens: window(10, 0, -5), ..RateLimits::default() };
    assert_eq!(load(spent), Ok(0.0));
    assert!(!Headroom { at_us: 0, limits: spent }.holds(now()));
}

#[test]
fn load_grows_smoothly_over_the_last_tenth() {
    for (remaining, wanted) in [(1_000, 0.0), (100, 0.0), (75, 0.25), (50, 0.5), (1, 0.99)] {
        let found = load(RateLimits { requests: window(1_000, remaining, 9_000), ..RateLimits::default() }).unwrap();
        assert!((found - wanted).abs() < 1e-9, "{remaining}: {found}");
    }
}

proptest! {
    #[test]
    fn the_newest_account_wins_in_any_order(times in prop::collection::vec(0_i64..50, 1..12)) {
        let accounts: Vec<Headroom> =
            times.iter().map(|at_us| Headroom { at_us: *at_us, limits: RateLimits::default() }).collect();
        let merged = |accounts: &[Headroom]| {
            accounts.iter().fold(None, |known, account| Headroom::newest(known, Some(*account))).unwrap().at_us
        };
        let reversed: Vec<Headroom> = accounts.iter().rev().copied().collect();
        prop_assert_eq!(merged(&accounts), *times.iter().max().unwrap());
        prop_assert_eq!(merged(&reversed), merged(&accounts));
    }

    #[test]
    fn more_room_is_never_more_load(remaining in 0_u64..2_000, more in 0_u64..2_000) {
        let of = |remaining| load(RateLimits { requests: window(1_000, remaining, 9_000), ..RateLimits::default() });
        match (of(remaining), of(remaining + more)) {
            (Ok(less), Ok(load)) => prop_assert!(load <= less && (0.0..=1.0).contains(&load)),
            (less, enough) => prop_assert!(less.is_err() && (enough.is_ok() || remaining + more == 0)),
        }
    }
}
