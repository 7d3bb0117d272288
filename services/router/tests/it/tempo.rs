//! Budgets that are kept in step, over several replicas.

use crate::support::{SOON, World, two_models};
use neptune_contracts::admission::BudgetPace;
use neptune_router::{
    statistics::Store,
    tempo::{Tempos, exchange},
};
use neptune_testkit::Redis;

fn pace(period: &str, spent_share: f64, elapsed_share: f64) -> Vec<BudgetPace> {
    vec![BudgetPace { budget: format!("team:{period}"), spent_share, elapsed_share }]
}

#[tokio::test]
async fn a_replica_that_starts_goes_on_where_the_others_are() {
    let redis = Redis::start().await;
    let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap();
    let (old, new) = (Tempos::default(), Tempos::default());
    for day in 0..10 {
        let _ = old.see(&pace("2026-11", f64::from(day) * 0.04, f64::from(day) / 30.0));
    }
    exchange(&old, &store).await.unwrap();
    exchange(&new, &store).await.unwrap();
    let now = pace("2026-11", 0.37, 0.31);
    let (fresh, factor) = (Tempos::default().see(&now).unwrap().0, new.see(&now).unwrap().0);
    assert!(factor > 1.05 * fresh, "what persisted is known: {factor}, without {fresh}");
    assert_eq!(old.see(&now).unwrap().0, factor);
    // The next month begins anew, and the last one is forgotten everywhere.
    let _ = new.see(&pace("2026-12", 0.0, 0.0));
    exchange(&new, &store).await.unwrap();
    let kept: Vec<String> = store.read_tempos().await.unwrap().into_keys().collect();
    assert_eq!(kept, ["team:2026-12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_ahead_of_its_period_makes_money_dearer() {
    let world = World::start(&two_models()).await;
    let plain = world.ask("What is a router?").await.routed.plan.explanation;
    world.pace(pace("2026-11", 0.8, 0.4)).await;
    let paced = world.ask("What is a router?").await.routed.plan.explanation;
    assert!(paced.value_usd < plain.value_usd, "{paced:?}");
    let from = paced.money.unwrap().lambda_from;
    assert_eq!(from, "budget team:2026-11: 80.0 % spent when 40.0 % of its period is over");
}
