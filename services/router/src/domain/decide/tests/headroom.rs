//! Models near their providers' rate limits.

use super::*;
use neptune_contracts::limits::{RateLimits, RateWindow};

impl World {
    /// The provider of `name` said that this much of 100 requests is left.
    fn left(&mut self, name: &str, remaining: u64, for_ms: i64) {
        let requests = RateWindow { limit: Some(100), remaining, resets_at: self.now.plus_millis(for_ms) };
        let limits = RateLimits { requests: Some(requests), ..RateLimits::default() };
        self.headroom.insert(name.into(), Headroom { at_us: 1, limits });
    }
}

#[test]
fn a_model_without_room_is_out_until_the_reset_and_the_reason_names_the_time() {
    let world = World::new().with(|world| world.left("b/medium", 0, 3_000));
    check(&world, &["a/small", "c/large"], &["b/medium rate"]);
    let plan = world.plan();
    let reason = &plan.explanation.removed[0].reason;
    let until = world.now.plus_millis(3_000);
    assert_eq!(reason, &format!("its provider has 0 of 100 requests left until {until}"));
    let later = world.with(|world| world.now = world.now.plus_millis(3_000));
    check(&later, &["b/medium", "a/small", "c/large"], &[]);
}

#[test]
fn what_another_replica_heard_counts_and_the_newest_account_wins() {
    let shared = |at_us: i64, remaining: u64| {
        World::new().with(|world| {
            world.left("b/medium", 50, 3_000);
            let mut known = world.headroom["b/medium"];
            known.at_us = at_us;
            known.limits.requests = known.limits.requests.map(|window| RateWindow { remaining, ..window });
            let measured = ModelStatistics { headroom: Some(known), ..ModelStatistics::default() };
            world.statistics = Statistics { read_at_ms: Some(NOW_MS), models: [("b/medium".into(), measured)].into() };
        })
    };
    assert_eq!(shared(2, 0).plan().attempts[0].model, "a/small");
    assert_eq!(shared(0, 0).plan().attempts[0].model, "b/medium");
}

#[test]
fn near_its_limit_a_model_is_worth_less_the_nearer_the_less() {
    let worth = |remaining: u64| {
        let plan = World::new().with(|world| world.left("b/medium", remaining, 3_000)).plan();
        plan.explanation.candidates.iter().find(|candidate| candidate.model == "b/medium").unwrap().utility_usd
    };
    assert!((worth(100) - worth(10)).abs() < 1e-12);
    assert!(worth(10) > worth(7) && worth(7) > worth(3) && worth(3) > worth(1));
    // A quarter of a right answer, which is worth 2 cents, for the very last call.
    assert!((worth(10) - worth(1) - 0.9 * 0.25 * 0.02).abs() < 1e-6, "{} {}", worth(10), worth(1));
    assert_ne!(World::new().with(|world| world.left("b/medium", 1, 3_000)).plan().attempts[0].model, "b/medium");
}

#[test]
fn when_only_limits_are_in_the_way_the_earliest_reset_is_told() {
    let world = World::new().with(|world| {
        world.left("a/small", 0, 3_000);
        world.left("b/medium", 0, 2_000);
        world.open("c/large", 9_000);
        // An open circuit goes before a spent limit.
        world.left("c/large", 0, 1_000);
    });
    let refusal = world.refusal();
    assert_eq!((refusal.error.code.as_str(), refusal.error.retry_after_ms), ("no_capacity", Some(2_000)));
    let by: Vec<String> = refusal.explanation.unwrap().removed.into_iter().map(|removed| removed.by).collect();
    assert_eq!(by, ["rate", "rate", "circuit"]);
}
