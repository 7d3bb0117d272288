//! Holds and spend against a real Redis.

use crate::samples::time;
use neptune_contracts::{PicoUsd, Timestamp};
use neptune_governance::{
    budget::{Budgets, Reserved, address},
    domain::{
        budget::{Counts, Scope},
        settle::{Settlement, Stored},
    },
};
use neptune_testkit::{Redis, wait_until};
use std::time::{Duration, Instant};

pub(crate) const SOON: &str = "2026-11-23T13:00:00Z";

/// With more patience than production has, for machines that run all tests at once.
pub(crate) fn open(redis: &Redis, namespace: &str) -> Budgets {
    Budgets::open(address(&redis.url()).unwrap(), namespace, Duration::from_secs(10)).unwrap()
}

/// The same, with budgets in which nothing was spent before.
pub(crate) async fn open_filled(redis: &Redis, namespace: &str) -> Budgets {
    let budgets = open(redis, namespace);
    // Connecting takes longer on a busy machine than it may in production.
    let reached = async || budgets.are_complete(["day"]).await.is_ok();
    wait_until("Redis is reached", Duration::from_secs(30), reached).await;
    for scope in ["day", "month", "day:2026-11-22", "day:2026-11-23", "b0", "b1", "b2"] {
        assert!(budgets.fill(scope, PicoUsd::ZERO, 0, Timestamp::now()).await.unwrap());
    }
    budgets
}

pub(crate) async fn read(budgets: &Budgets, scopes: &[Scope]) -> Vec<Counts> {
    budgets.read(scopes).await.unwrap().expect("they are complete")
}

pub(crate) fn scope(key: &str, limit: i64) -> Scope {
    Scope { key: key.into(), limit: PicoUsd(limit) }
}

pub(crate) fn settlement(hold: &str, cost: i64, scopes: &[Scope]) -> Settlement {
    settlement_of(hold, cost, scopes, Stored { sequence: 1, at: time(SOON) })
}

fn settlement_of(hold: &str, cost: i64, scopes: &[Scope], stored: Stored) -> Settlement {
    let scopes = scopes.iter().map(|scope| scope.key.clone()).collect();
    Settlement { hold: hold.into(), cost: PicoUsd(cost), scopes, stored }
}

fn counts(spent: i64, held: i64) -> Counts {
    Counts { spent: PicoUsd(spent), held: PicoUsd(held) }
}

fn held(amount: i64) -> Reserved {
    Reserved::Held { amount: PicoUsd(amount) }
}

async fn reserve(budgets: &Budgets, hold: &str, amount: i64, scopes: &[Scope]) -> Reserved {
    budgets.reserve(hold, PicoUsd(amount), time(SOON), scopes).await.unwrap()
}

#[tokio::test]
async fn money_is_held_then_spent_then_free() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100), scope("month", 1_000)];
    assert_eq!(reserve(&budgets, "h1", 60, &scopes).await, held(60));
    assert_eq!(read(&budgets, &scopes).await, [counts(0, 60), counts(0, 60)]);
    assert!(budgets.settle(&settlement("h1", 25, &scopes)).await.unwrap());
    assert_eq!(read(&budgets, &scopes).await, [counts(25, 0), counts(25, 0)]);
    // Namespaces do not see each other.
    assert_eq!(read(&open_filled(&redis, "b").await, &scopes).await, [counts(0, 0), counts(0, 0)]);
}

#[tokio::test]
async fn who_does_not_fit_touches_nothing() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("month", 1_000), scope("day", 100)];
    assert_eq!(reserve(&budgets, "h1", 60, &scopes).await, held(60));
    let refused = Reserved::Exceeded { index: 1, counts: counts(0, 60) };
    assert_eq!(reserve(&budgets, "h2", 41, &scopes).await, refused);
    assert_eq!(read(&budgets, &scopes).await, [counts(0, 60), counts(0, 60)]);
    assert_eq!(reserve(&budgets, "h3", 40, &scopes).await, held(40));
}

#[tokio::test]
async fn repeating_changes_nothing() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    assert_eq!(reserve(&budgets, "h1", 60, &scopes).await, held(60));
    // The amount of the first reserve stays, whatever prices are by now.
    assert_eq!(reserve(&budgets, "h1", 70, &scopes).await, held(60));
    assert_eq!(read(&budgets, &scopes).await, [counts(0, 60)]);
    assert!(budgets.settle(&settlement("h1", 25, &scopes)).await.unwrap());
    assert!(!budgets.settle(&settlement("h1", 25, &scopes)).await.unwrap());
    assert_eq!(reserve(&budgets, "h1", 60, &scopes).await, Reserved::Settled);
    assert_eq!(read(&budgets, &scopes).await, [counts(25, 0)]);
}

#[tokio::test]
async fn expired_holds_come_free_and_are_still_settled_once() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100_000)];
    let (before, after) = (time("2026-11-23T12:59:59.999Z"), time(SOON));
    for hold in 0..250 {
        reserve(&budgets, &format!("h{hold}"), 10, &scopes).await;
    }
    assert_eq!(budgets.sweep(before).await.unwrap(), 0);
    assert_eq!(budgets.sweep(after).await.unwrap(), 250);
    assert_eq!(read(&budgets, &scopes).await, [counts(0, 0)]);
    assert!(budgets.settle(&settlement("h1", 7, &scopes)).await.unwrap());
    assert!(!budgets.settle(&settlement("h1", 7, &scopes)).await.unwrap());
    assert_eq!(read(&budgets, &scopes).await, [counts(7, 0)]);
}

#[tokio::test]
async fn a_task_that_comes_again_after_its_hold_expired_is_held_again() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    reserve(&budgets, "h1", 60, &scopes).await;
    budgets.sweep(time(SOON)).await.unwrap();
    assert_eq!(reserve(&budgets, "h2", 90, &scopes).await, held(90));
    assert_eq!(reserve(&budgets, "h1", 60, &scopes).await, Reserved::Exceeded { index: 0, counts: counts(0, 90) });
}

#[tokio::test]
async fn a_repeated_reserve_moves_the_expiry_on_and_never_back() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    let (soon, later) = (time(SOON), time("2026-11-23T14:00:00Z"));
    for expiry in [soon, later, soon] {
        budgets.reserve("h1", PicoUsd(60), expiry, &scopes).await.unwrap();
    }
    assert_eq!(budgets.sweep(soon).await.unwrap(), 0);
    assert_eq!(budgets.sweep(later).await.unwrap(), 1);
}

#[tokio::test]
async fn what_redis_forgot_is_counted_once_and_waits_for_the_ledger() {
    let mut redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    reserve(&budgets, "h1", 60, &scopes).await;
    redis.restart().await;
    let settled = settle_when_back(&budgets, &settlement("h1", 25, &scopes)).await;
    assert!(settled);
    assert!(!budgets.settle(&settlement("h1", 25, &scopes)).await.unwrap());
    assert_eq!(budgets.read(&scopes).await.unwrap(), None);
    assert!(budgets.fill("day", PicoUsd(7), 0, time(SOON)).await.unwrap());
    assert_eq!(read(&budgets, &scopes).await, [counts(32, 0)]);
}

/// The first call after a loss may find the old connection.
async fn settle_when_back(budgets: &Budgets, settlement: &Settlement) -> bool {
    for _ in 0..100 {
        if let Ok(counted) = budgets.settle(settlement).await {
            return counted;
        }
        tokio::task::yield_now().await;
    }
    panic!("Redis did not come back");
}

#[tokio::test]
async fn a_hold_settles_where_it_was_placed() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let (yesterday, today) = ([scope("day:2026-11-22", 100)], [scope("day:2026-11-23", 100)]);
    reserve(&budgets, "h1", 60, &yesterday).await;
    assert!(budgets.settle(&settlement("h1", 25, &today)).await.unwrap());
    assert_eq!(read(&budgets, &yesterday).await, [counts(25, 0)]);
    assert_eq!(read(&budgets, &today).await, [counts(0, 0)]);
}

#[tokio::test]
async fn sums_are_exact_beyond_what_a_float_holds() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    // Nine million dollars and one pico-dollar.
    let limit = 9_000_000_000_000_000_001;
    let scopes = [scope("month", limit)];
    assert_eq!(reserve(&budgets, "h1", limit - 1, &scopes).await, held(limit - 1));
    assert_eq!(
        reserve(&budgets, "h2", 2, &scopes).await,
        Reserved::Exceeded { index: 0, counts: counts(0, limit - 1) }
    );
    assert_eq!(reserve(&budgets, "h3", 1, &scopes).await, held(1));
    assert_eq!(reserve(&budgets, "h4", 1, &scopes).await, Reserved::Exceeded { index: 0, counts: counts(0, limit) });
    assert_eq!(
        reserve(&budgets, "h5", i64::MAX, &scopes).await,
        Reserved::Exceeded { index: 0, counts: counts(0, limit) }
    );
}

#[tokio::test]
async fn spend_beyond_the_largest_amount_stays_there() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("month", i64::MAX)];
    for hold in ["h1", "h2"] {
        assert!(budgets.settle(&settlement(hold, i64::MAX - 1, &scopes)).await.unwrap());
    }
    assert_eq!(read(&budgets, &scopes).await, [counts(i64::MAX, 0)]);
}

#[tokio::test]
async fn a_free_task_holds_nothing_and_passes_a_budget_that_is_used_up() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    assert!(budgets.settle(&settlement("h1", 100, &scopes)).await.unwrap());
    for hold in ["h2", "h3"] {
        assert_eq!(reserve(&budgets, hold, 0, &scopes).await, held(0));
    }
    assert!(budgets.settle(&settlement("h2", 0, &scopes)).await.unwrap());
    assert_eq!(budgets.sweep(time(SOON)).await.unwrap(), 1);
    assert_eq!(read(&budgets, &scopes).await, [counts(100, 0)]);
}

#[tokio::test]
async fn a_counter_that_was_lost_never_falls_below_nothing() {
    let redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    reserve(&budgets, "h1", 60, &scopes).await;
    reserve(&budgets, "h2", 10, &scopes).await;
    let mut connection = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("HDEL").arg("{a}:budget:day").arg("held").query_async(&mut connection).await.unwrap();
    assert!(budgets.settle(&settlement("h1", 25, &scopes)).await.unwrap());
    assert_eq!(budgets.sweep(time(SOON)).await.unwrap(), 1);
    assert_eq!(read(&budgets, &scopes).await, [counts(25, 0)]);
}

#[tokio::test]
async fn a_lost_redis_is_an_error_at_once_and_found_again() {
    let mut redis = Redis::start().await;
    let budgets = open_filled(&redis, "a").await;
    let scopes = [scope("day", 100)];
    redis.kill().await;
    let asked = Instant::now();
    for _ in 0..5 {
        assert!(budgets.reserve("h1", PicoUsd(1), Timestamp::now(), &scopes).await.is_err());
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
    redis.restart().await;
    assert!(settle_when_back(&budgets, &settlement("h1", 25, &scopes)).await);
}
