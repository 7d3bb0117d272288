//! Tasks that wait are answered by their provider's batches, at the price of batches.

use crate::{
    provider_batches::{LONGER, PROVIDERS, Simulator, answered_once, finished, number_of, submit, submit_all, world},
    world::{World, planned},
};
use neptune_contracts::{
    PicoUsd,
    attempt::{BATCH, ErrorClass},
    finished::Outcome,
    names::Zone,
};
use neptune_testkit::wait_until;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_both_providers_are_collected_sent_together_and_answered_at_half_price() {
    for (provider, path) in PROVIDERS {
        let simulator = Simulator::start(json!({"delayMs": 1_500})).await;
        let world = world().await;
        simulator.declare(&world, provider, |_| {}).await;
        world.execute(&[Zone::External]);
        let tasks = submit_all(&world, 5).await;
        let facts = finished(&world, &tasks).await;
        assert!(facts.iter().all(|fact| fact.outcome == Outcome::Completed), "{provider}: {facts:?}");
        answered_once(&simulator, &facts).await;
        let batches = simulator.get(path).await;
        let batches = batches["data"].as_array().unwrap();
        assert!((1..=2).contains(&batches.len()), "{provider}: a window may end between two of them");
        let ordinary: PicoUsd = {
            let listed = |fact: &neptune_contracts::finished::TaskFinished| {
                let usage = fact.attempts[0].usage;
                PicoUsd::of_quantities(&[
                    (usage.input_uncached, "2".parse().unwrap()),
                    (usage.cache_read, "0.5".parse().unwrap()),
                    (usage.output + usage.reasoning, "8".parse().unwrap()),
                ])
            };
            facts.iter().map(listed).sum()
        };
        assert_eq!(facts.iter().map(|fact| fact.cost_usd.0 * 2).sum::<i64>(), ordinary.0, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_fail_or_expire_are_called_in_the_ordinary_way() {
    for (provider, _) in PROVIDERS {
        let simulator = Simulator::start(json!({"failsOn": "broken", "expiresOn": "late"})).await;
        let world = world().await;
        simulator.declare(&world, provider, |_| {}).await;
        world.execute(&[Zone::External]);
        let mut tasks = Vec::new();
        for text in ["a good one", "a broken one", "a late one"] {
            tasks.push(submit(&world, text, None).await);
        }
        let facts = finished(&world, &tasks).await;
        for (fact, class) in facts.iter().zip([None, Some(ErrorClass::Overload), Some(ErrorClass::Timeout)]) {
            assert_eq!(fact.outcome, Outcome::Completed, "{provider}: {fact:?}");
            let item = &fact.attempts[0];
            assert_eq!((item.purpose.as_deref(), item.error.as_ref().map(|error| error.class)), (Some(BATCH), class));
            let Some(_) = class else { continue };
            assert_eq!((item.cost_usd, item.estimated), (PicoUsd::ZERO, false));
            assert_eq!((fact.attempts.len(), fact.attempts[1].purpose.as_deref()), (2, None), "one ordinary call");
        }
        let paid: PicoUsd = facts.iter().map(|fact| fact.cost_usd).sum();
        assert_eq!(paid, simulator.charged().await, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_provider_refuses_is_called_one_by_one() {
    let simulator = Simulator::start(json!({})).await;
    let plan = ["acme/a", "acme/b"].map(|name| planned(name, Zone::External));
    let world = World::start(plan.into(), |_| {}).await;
    // Where nobody knows anything.
    let elsewhere = |spec: &mut serde_json::Value| {
        let endpoint = spec["endpoint"].as_str().unwrap().replace("/v1", "/nowhere");
        spec["endpoint"] = json!(endpoint);
    };
    simulator.declare_as(&world, ("acme/a", "openai"), elsewhere).await;
    simulator.declare_as(&world, ("acme/b", "openai"), |spec| spec["batch"]["enabled"] = json!(false)).await;
    world.execute(&[Zone::External]);
    let tasks = submit_all(&world, 2).await;
    for fact in finished(&world, &tasks).await {
        let made: Vec<(&str, Option<&str>, bool)> = fact
            .attempts
            .iter()
            .map(|attempt| (attempt.model.as_str(), attempt.purpose.as_deref(), attempt.succeeded()))
            .collect();
        let wanted = [("acme/a", Some(BATCH), false), ("acme/a", None, false), ("acme/b", None, true)];
        assert_eq!(made.first(), wanted.first());
        assert_eq!(made.last(), wanted.last());
        assert_eq!((fact.outcome, fact.attempts[0].cost_usd), (Outcome::Completed, PicoUsd::ZERO));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_when_the_flag_goes_is_called_in_the_ordinary_way() {
    let simulator = Simulator::start(json!({})).await;
    let world = world().await;
    simulator.declare(&world, "openai", |_| {}).await;
    world.execute(&[Zone::External]);
    let task = submit(&world, "hello", None).await;
    wait_until("it is collected", LONGER, || async { number_of(&world, "BATCHES").await == 1 }).await;
    // The flag goes while it is collected.
    simulator.declare(&world, "openai", |spec| spec["batch"]["enabled"] = json!(false)).await;
    let facts = finished(&world, &[task]).await;
    assert_eq!((facts[0].outcome, facts[0].attempts.len()), (Outcome::Completed, 1));
    assert_eq!(facts[0].attempts[0].purpose, None, "it was never sent");
    assert_eq!((simulator.count("/v1/batches").await, facts[0].cost_usd), (0, simulator.charged().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_is_called_at_once() {
    let simulator = Simulator::start(json!({"delayMs": 60_000})).await;
    let world = world().await;
    simulator.declare(&world, "openai", |_| {}).await;
    world.execute(&[Zone::External]);
    let task = submit(&world, "quickly", Some(20_000)).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.attempts[0].purpose.as_deref()), (Outcome::Completed, None));
    assert_eq!((number_of(&world, "BATCHES").await, simulator.count("/v1/batches").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_comes_near_is_kept_by_an_ordinary_call() {
    let simulator = Simulator::start(json!({"delayMs": 3_600_000})).await;
    let world = world().await;
    // A call may take two seconds; with the reserve and the next look 13 of the deadline are kept for it.
    let soon = |spec: &mut serde_json::Value| {
        (spec["batch"]["withinSeconds"], spec["timeoutMs"]) = (json!(10), json!(2_000));
    };
    simulator.declare(&world, "openai", soon).await;
    world.execute(&[Zone::External]);
    let task = submit(&world, "in time", Some(18_000)).await;
    let facts = finished(&world, &[task]).await;
    let fact = &facts[0];
    assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 2), "{fact:?}");
    let (item, call) = (&fact.attempts[0], &fact.attempts[1]);
    assert_eq!(item.error.as_ref().unwrap().class, ErrorClass::Timeout);
    // What the batch may cost all the same is said: two tokens of the input, by the estimate, at half of two dollars.
    assert!(item.estimated && item.cost_usd > PicoUsd::ZERO);
    assert_eq!((call.purpose.as_deref(), call.cost_usd), (None, simulator.charged().await));
    let batches = simulator.get("/v1/batches").await;
    assert_eq!(batches["data"][0]["status"], "cancelled", "nobody waits for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_is_dropped_from_its_batch_and_what_it_may_cost_is_said() {
    let simulator = Simulator::start(json!({"delayMs": 4_000})).await;
    let world = world().await;
    simulator.declare(&world, "openai", |_| {}).await;
    world.execute(&[Zone::External]);
    let tasks = submit_all(&world, 2).await;
    let made = || async { simulator.count("/v1/batches").await > 0 };
    wait_until("the batch is made", LONGER, made).await;
    let team = "support".parse().unwrap();
    // Until it is known that the batch was made.
    let cancelled = || async {
        world.operator.cancel(&team, tasks[1]).await.unwrap();
        world.operator.result(&team, tasks[1]).await.unwrap().is_some()
    };
    wait_until("the task is cancelled", LONGER, cancelled).await;
    let facts = finished(&world, &tasks).await;
    assert_eq!((facts[0].outcome, facts[1].outcome), (Outcome::Completed, Outcome::Cancelled));
    let item = &facts[1].attempts[0];
    assert_eq!((item.estimated, item.error.as_ref().unwrap().class), (true, ErrorClass::Cancelled));
    assert!(facts[1].output.is_none() && item.cost_usd > PicoUsd::ZERO);
    let submits_once = simulator.answered().await;
    assert_eq!(submits_once.len(), 2, "the provider did both, and the result of one was dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_at_once_send_each_task_once_and_full_batches_before_the_time() {
    let simulator = Simulator::start(json!({"delayMs": 1_000})).await;
    let world: World = world().await;
    let change = |spec: &mut serde_json::Value| {
        (spec["batch"]["maxItems"], spec["batch"]["maxWaitSeconds"]) = (json!(4), json!(5));
    };
    simulator.declare(&world, "openai", change).await;
    world.execute(&[Zone::External]);
    world.execute(&[Zone::External]);
    let tasks = submit_all(&world, 20).await;
    let facts = finished(&world, &tasks).await;
    answered_once(&simulator, &facts).await;
    let batches = simulator.get("/v1/batches").await;
    let counts: Vec<u64> = batches["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| batch["request_counts"]["total"].as_u64().unwrap())
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 20, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 4) && counts.contains(&4), "{counts:?}");
}
