//! Postgres dies and comes back.

use crate::{
    facts::{attempt, finished},
    support::World,
};
use neptune_contracts::PicoUsd;
use neptune_testkit::wait_until;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_postgres_is_away() {
    let mut world = World::start().await;
    let mut total = PicoUsd::ZERO;
    world.until_spent(total, 0).await;
    for round in 0..3_i64 {
        for index in 0..200 {
            let fact = finished("support", vec![attempt("m", 1_000 * round + index)]);
            total = total.saturating_add(fact.cost_usd);
            world.store(&fact).await;
        }
        match round {
            0 => world.postgres.kill().await,
            1 => {
                let refused = || async { world.redelivered().await > 0 };
                wait_until("messages were handed back", Duration::from_secs(30), refused).await;
                world.postgres.restart().await;
            }
            _ => {}
        }
    }
    world.until_spent(total, 600).await;
    world.until_settled().await;
    assert_eq!(world.number("SELECT count(*) FROM ledger_entry").await, 600);
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metering_waits_for_a_postgres_that_is_not_there_yet() {
    let mut world = World::start().await;
    world.until_spent(PicoUsd::ZERO, 0).await;
    world.stop_metering().await;
    world.postgres.kill().await;
    let fact = finished("support", vec![attempt("m", 7)]);
    world.store(&fact).await;
    world.start_metering();
    assert!(world.spend(Default::default()).await.is_none(), "no answer without Postgres");
    world.postgres.restart().await;
    world.until_spent(PicoUsd(7), 1).await;
    world.stop_metering().await;
}
