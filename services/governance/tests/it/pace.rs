//! A budget that is to be kept in step: the router hears how it stands.

use crate::{
    samples::{manifest, submitted, usd},
    world::World,
};
use serde_json::json;

#[tokio::test]
async fn an_admission_says_how_its_paced_budgets_stand_and_of_others_nothing() {
    let paced = json!({"team": "support", "limitUsd": "8", "period": "month", "pace": true});
    let plain = json!({"team": "support", "limitUsd": "9", "period": "day"});
    let mut world = World::start(&[manifest("Budget", "paced", paced), manifest("Budget", "plain", plain)]).await;
    world.submit(&submitted("support", "hello")).await;
    let first = world.admitted().await;
    let [pace] = first.message.admission.pace.as_slice() else { panic!("{:?}", first.message.admission) };
    assert!(pace.budget.starts_with("paced:") && (0.0..=1.0).contains(&pace.elapsed_share), "{pace:?}");
    assert_eq!(pace.spent_share, 0.0);
    world.finish(&first, usd("2")).await;
    world.budget_stands_at("support", usd("2"), usd("0")).await;
    world.submit(&submitted("support", "hello again")).await;
    let pace = &world.admitted().await.message.admission.pace;
    assert_eq!(pace.iter().map(|pace| pace.spent_share).collect::<Vec<_>>(), [0.25]);
    world.stop().await;
}
