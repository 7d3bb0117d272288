//! Every admitted task gets a plan, or ends with the reasons why there is none.

use crate::support::{World, submitted, two_models};
use neptune_contracts::{finished::Outcome, names::Lane, plan::Strategy};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_gets_a_plan_with_its_reason() {
    let world = World::start(&two_models()).await;
    let arrived = world.ask("Translate into German: the parcel is late").await;
    let plan = &arrived.routed.plan;
    let models: Vec<&str> = plan.attempts.iter().map(|attempt| attempt.model.as_str()).collect();
    assert_eq!((models.as_slice(), plan.strategy), (["a/first", "b/second"].as_slice(), Strategy::Fallback));
    let explanation = &plan.explanation;
    assert!(explanation.because.contains("a/first") && explanation.decided_in_us > 0, "{explanation:?}");
    assert!(explanation.statistics_age_ms.is_some_and(|age| age < 5_000), "{explanation:?}");
    assert!(explanation.config_revision > 0 && explanation.task_type_by == "predicted", "{explanation:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_work_is_routed_in_its_own_lane() {
    let world = World::start(&two_models()).await;
    let mut task = submitted("Summarize: the parcel is late");
    task.constraints.lane = Lane::Batch;
    assert_eq!(world.follow(&task).await.routed.task.constraints.lane, Lane::Batch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_no_model_can_do_ends_with_the_reasons() {
    let world = World::start(&two_models()).await;
    let mut task = submitted("What is a router?");
    task.constraints.max_cost_usd = Some("0.000001".parse().unwrap());
    world.submit(&task).await;
    let finished = world.result(&task).await;
    let error = finished.error.unwrap();
    assert_eq!((finished.outcome, error.code.as_str()), (Outcome::NoRoute, "cost_limit_reached"));
    let route = finished.route.unwrap();
    assert_eq!((route.removed.len(), route.because), (2, error.message));
    assert!(finished.admission.is_some() && finished.times.routed_at.is_some() && finished.task_type.is_some());

    let mut unknown = submitted("What is a router?");
    unknown.input.model = Some("nobody/knows".into());
    world.submit(&unknown).await;
    assert_eq!(world.result(&unknown).await.error.unwrap().code, "model_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_and_routes_without_redis_and_says_so() {
    let mut world = World::without_router(&two_models()).await;
    world.redis.kill().await;
    world.start_router().await;
    let arrived = world.ask("What is a router?").await;
    assert_eq!((arrived.first(), arrived.routed.plan.explanation.statistics_age_ms), ("a/first", None));
}
