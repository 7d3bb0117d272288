//! What is published ends up in the ledger, once.

use crate::{
    facts::{attempt, delivered, delivery_try, failed_attempt, failure, finished, webhook},
    support::{PATIENCE, World},
};
use neptune_bus::dead;
use neptune_contracts::{PicoUsd, attempt::Attempt};
use neptune_testkit::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn the_total_is_the_sum_of_all_costs_however_often_messages_come() {
    let mut world = World::start().await;
    let mut total = PicoUsd::ZERO;
    for index in 0..120_i64 {
        let mut attempts = vec![attempt("openai/gpt-4.1", 1_000_000 + index)];
        if index % 3 == 0 {
            attempts.insert(0, failed_attempt("openai/gpt-4.1-mini", 70 + index));
        }
        let mut fact = finished(if index % 2 == 0 { "support" } else { "sales" }, attempts);
        fact.deliver.push(webhook());
        // A failed attempt is told at once and again within the fact, in either order.
        let failures: Vec<_> = fact
            .attempts
            .iter()
            .filter(|attempt| !attempt.succeeded())
            .map(|attempt| failure(&fact, attempt))
            .collect();
        if index % 2 == 0 {
            world.store(&fact).await;
        }
        for failure in &failures {
            world.store(failure).await;
        }
        if index % 2 == 1 {
            world.store(&fact).await;
        }
        world.store(&delivery_try(&fact, 0, 1, Some("503"))).await;
        world.store(&delivery_try(&fact, 0, 2, None)).await;
        world.store(&delivered(&fact, 0, 5)).await;
        total = total.saturating_add(fact.cost_usd).saturating_add(PicoUsd(5));
    }
    world.until_spent(total, 120).await;
    world.until_settled().await;
    let counts = counts(&world).await;
    assert_eq!(counts, [280, 120, 120, 240], "entries, tasks, deliveries, tries");
    world.stop_metering().await;
    world.forget_acknowledgements().await;
    world.start_metering();
    world.until_settled().await;
    world.until_spent(total, 120).await;
    assert_eq!(self::counts(&world).await, counts, "a redelivery adds nothing");
    assert_eq!(world.number("SELECT count(*) FROM task WHERE fact::text LIKE '%secret answer%'").await, 0);
    world.stop_metering().await;
}

async fn counts(world: &World) -> [i64; 4] {
    let mut counts = [0; 4];
    for (count, table) in counts.iter_mut().zip(["ledger_entry", "task", "delivery", "delivery_attempt"]) {
        *count = world.number(&format!("SELECT count(*) FROM {table}")).await;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_the_ledger_cannot_hold_go_to_the_dead_letters_alone() {
    let mut world = World::start().await;
    world.until_spent(PicoUsd::ZERO, 0).await;
    world.stop_metering().await;
    // While nobody reads, all of them gather and then share a transaction.
    let mut total = PicoUsd::ZERO;
    for index in 0..40 {
        let fact = match index {
            7 => finished("support", vec![attempt("m", 5), attempt("m", -1)]),
            23 => finished("support", vec![Attempt { latency_us: u64::MAX, ..attempt("m", 9) }]),
            _ => finished("support", vec![attempt("m", 100 + index)]),
        };
        if index != 7 && index != 23 {
            total = total.saturating_add(fact.cost_usd);
        }
        world.store(&fact).await;
    }
    world.start_metering();
    world.until_spent(total, 38).await;
    let kept = || async { dead::list(&world.operator, 10).await.unwrap().len() == 2 };
    wait_until("both are kept as dead letters", PATIENCE, kept).await;
    let mut reasons: Vec<String> =
        dead::list(&world.operator, 10).await.unwrap().into_iter().map(|stored| stored.letter.reason).collect();
    reasons.sort();
    assert!(reasons[0].starts_with("latency_us is 18446744073709551615"), "{reasons:?}");
    assert!(reasons[1].contains("only_corrections_are_negative"), "{reasons:?}");
    world.until_settled().await;
    assert_eq!(world.number("SELECT count(*) FROM task").await, 38, "nothing of a refused message is written");
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_postgres_has_no_place_for_are_replaced() {
    let mut world = World::start().await;
    let mut fact = finished("support", vec![attempt("m\u{0}odel", 3)]);
    fact.metadata.insert("odd\u{0}".into(), "a\u{0}b".into());
    world.store(&fact).await;
    world.until_spent(PicoUsd(3), 1).await;
    assert_eq!(
        world.number("SELECT count(*) FROM task WHERE fact->'metadata'->>U&'odd\\FFFD' = U&'a\\FFFDb'").await,
        1
    );
    world.stop_metering().await;
}
