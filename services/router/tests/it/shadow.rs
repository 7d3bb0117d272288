//! Tasks that other models do too, unseen.

use crate::support::{Arrived, SOON, World, submitted, two_models};
use neptune_bus::{Bus, BusConfig};
use neptune_contracts::{
    Timestamp,
    names::{Lane, Origin, Service},
    resource::{Manifest, Metadata},
    shadow::SHADOW_OF,
    task::TaskSubmitted,
    topology::{GOVERNANCE_SUBMITTED, StreamName},
};
use neptune_router::domain::shadow::copy_id;
use neptune_testkit::{builders, wait_until};
use serde_json::json;

/// The route `tickets`, of which every task is copied for the second model.
async fn declare(world: &World, shadow: serde_json::Value) {
    let operator =
        Bus::connect(&BusConfig::open(world.nats.url(), world.namespace.clone()), Service::Operator).await.unwrap();
    let manifest = Manifest {
        api_version: "neptune/v1".into(),
        kind: "Route".into(),
        metadata: Metadata { name: "tickets".into() },
        spec: json!({"candidates": ["a/first", "b/second"], "shadow": shadow}),
    };
    operator.put_resource(&manifest).await.unwrap();
}

fn ticket() -> TaskSubmitted {
    let mut task = submitted("What is a router?");
    task.constraints.route = Some("tickets".into());
    task
}

/// Asks until the route is known to the router, and returns the task and its copy.
async fn copied(world: &World) -> (Arrived, Arrived) {
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let task = ticket();
        let arrived = world.follow(&task).await;
        if arrived.routed.plan.explanation.shadows == ["b/second"] {
            let copy = world.arrival(copy_id(task.id.unwrap(), "b/second")).await;
            return (arrived, copy);
        }
        assert!(std::time::Instant::now() < deadline, "{:?}", arrived.routed.plan.explanation);
        world.finish(arrived, vec![]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_a_task_of_its_own_of_which_the_caller_hears_nothing() {
    let world = World::start(&two_models()).await;
    declare(&world, json!({"models": ["b/second"], "share": 1.0, "maxCostUsdPerDay": 1})).await;
    let (task, copy) = copied(&world).await;
    assert_eq!(task.first(), "a/first");
    let (original, shadow) = (&task.routed.task, &copy.routed.task);
    assert_eq!((shadow.origin, shadow.constraints.lane, copy.first()), (Origin::Shadow, Lane::Batch, "b/second"));
    assert_eq!((shadow.team.as_str(), &shadow.input.messages), (original.team.as_str(), &original.input.messages));
    assert_eq!(shadow.metadata[SHADOW_OF], original.id.to_string());
    assert_eq!(copy.routed.plan.attempts.len(), 1, "nobody stands in for the model that is compared");
    assert!(copy.routed.plan.explanation.shadows.is_empty(), "no copy is copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_dies_makes_no_second_copy() {
    let world = World::start(&two_models()).await;
    declare(&world, json!({"models": ["b/second"], "share": 1.0, "maxCostUsdPerDay": 1})).await;
    let (task, copy) = copied(&world).await;
    let (id, copy_of) = (task.routed.task.id, copy.routed.task.id);
    // Nobody finishes either of them, and another router takes over: the broker hands both out again.
    world.kill_routers().await;
    world.start_router().await;
    let again = world.arrival(id).await;
    assert_eq!(again.routed.plan.explanation.shadows, ["b/second"]);
    wait_until("both are handed out again", 2 * SOON, async || handed_out_again(&world).await >= 2).await;
    assert_eq!(accepted_as(&world, "shadow").await, 1, "the copy is the one there is");
    assert_eq!(reserved(&world).await, 1, "and is paid for once");
    assert_eq!(copy_id(id, "b/second"), copy_of);
}

/// How many accepted tasks are handed out for more than the first time.
async fn handed_out_again(world: &World) -> u64 {
    let stream = world.namespace.resource(StreamName::Tasks.as_str());
    let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{}", GOVERNANCE_SUBMITTED.name);
    let answer = world.nats.client().await.request(subject, "".into()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    info["num_redelivered"].as_u64().unwrap_or(0)
}

/// Accepted tasks of an origin that are not finished.
pub(crate) async fn accepted_as(world: &World, origin: &str) -> usize {
    let stream = world.namespace.resource(StreamName::Tasks.as_str());
    let filter = format!(r#"{{"subjects_filter": "{}.task.submitted.v1.*.{origin}"}}"#, world.namespace);
    let client = world.nats.client().await;
    let answer = client.request(format!("$JS.API.STREAM.INFO.{stream}"), filter.into()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    let subjects = info["state"]["subjects"].as_object().cloned().unwrap_or_default();
    subjects.values().filter_map(serde_json::Value::as_u64).sum::<u64>().try_into().unwrap()
}

/// How many copies have a reservation, the counter apart.
async fn reserved(world: &World) -> usize {
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let date: String = Timestamp::now().to_string().chars().take(10).collect();
    let key = format!("{{{}}}:r:shadow:tickets:{date}", world.namespace);
    let held: usize = redis::cmd("HLEN").arg(key).query_async(&mut connection).await.unwrap();
    held - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_stop_when_they_have_cost_what_they_may_or_nobody_knows() {
    let mut world = World::start(&two_models()).await;
    declare(&world, json!({"models": ["b/second"], "share": 1.0, "maxCostUsdPerDay": 0})).await;
    wait_until("the route is known", SOON, async || {
        !world.follow(&ticket()).await.routed.plan.explanation.shadows.is_empty()
    })
    .await;
    declare(&world, json!({"models": ["b/second"], "share": 1.0, "maxCostUsdPerDay": 1})).await;
    world.redis.kill().await;
    for _ in 0..5 {
        world.follow(&ticket()).await;
    }
    // A copy is on its way within milliseconds; five more tasks take longer.
    for _ in 0..5 {
        world.ask("Is everything before this done?").await;
    }
    assert_eq!(accepted_as(&world, "shadow").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_model_gets_tasks_once_it_has_answered_enough_copies_each_counted_once() {
    let mut models = two_models().to_vec();
    models[1].1 = builders::model(0.99, "0.5");
    let world = World::start(&models).await;
    declare(&world, json!({"models": ["b/second"], "share": 1.0, "maxCostUsdPerDay": 1, "nursery": 3})).await;
    for _ in 0..3 {
        let (task, copy) = copied(&world).await;
        assert_eq!(task.first(), "a/first");
        let removed = &task.routed.plan.explanation.removed;
        assert!(removed.iter().any(|removed| removed.model == "b/second" && removed.by == "nursery"), "{removed:?}");
        let (model, id) = ("b/second".to_owned(), copy.routed.task.id);
        // Counting it again changes nothing.
        world.store().count_shadows(&[(model.clone(), id), (model, id)]).await.unwrap();
        world.answer(copy, builders::answered("b/second")).await;
        world.finish(task, vec![builders::answered("a/first")]).await;
    }
    wait_until("it gets tasks", SOON, async || world.follow(&ticket()).await.first() == "b/second").await;
}
