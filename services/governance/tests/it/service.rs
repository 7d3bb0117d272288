//! The whole service on a real broker.

use crate::{
    deliver::delivery,
    samples::{SEED, manifest, submitted, usd},
    world::{PATIENCE, World, config, next},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::Cause;
use neptune_contracts::{
    admission::{Admission, Task, TaskAdmitted},
    delivery::{DeliveryAdmitted, DeliveryFinished, DeliveryOutcome, DeliveryRequested},
    finished::Outcome,
    ids::TaskId,
    names::{Channel, DataClass, Origin},
    query::{BudgetQuery, redact::RedactQuery},
    resource::Manifest,
};
use neptune_governance::{domain::budget::hold_id, run, signing::Signer};
use neptune_runtime::Shutdown;
use neptune_testkit::{namespace, wait_until};
use ring::{digest, signature};
use serde_json::json;
use std::collections::BTreeSet;

fn daily(limit_usd: &str) -> Manifest {
    manifest("Budget", "daily", json!({"team": "support", "limitUsd": limit_usd, "period": "month"}))
}

#[tokio::test]
async fn an_admission_is_signed_over_task_input_and_bounds() {
    let mut world = World::start(&[]).await;
    let task = submitted("support", "hello");
    world.submit(&task).await;
    let TaskAdmitted { task: admitted, admission } = world.admitted().await.message;
    assert_eq!((Some(admitted.id), &admitted.input), (task.id, &task.input));
    assert_eq!(admission.allowed_models, ["meta/llama", "openai/large", "openai/small"]);
    assert_eq!(admission.hold, None);
    let sum = digest::digest(&digest::SHA256, &serde_json::to_vec(&task.input).unwrap());
    assert_eq!(admission.input_sha256, BASE64_STANDARD.encode(sum));
    assert_eq!((&admission.terms_sha256, admission.terms_sha256.is_some()), (&admitted.terms_sha256(), true));
    let signer = Signer::from_seed(SEED).unwrap();
    let key = signature::UnparsedPublicKey::new(&signature::ED25519, signer.public_key().to_bytes());
    let signed = BASE64_STANDARD.decode(&admission.signature).unwrap();
    key.verify(&admission.signed_bytes(admitted.id, &admitted.team), &signed).unwrap();
    let mut widened = admission.clone();
    widened.allowed_models.push("anthropic/other".into());
    key.verify(&widened.signed_bytes(admitted.id, &admitted.team), &signed).unwrap_err();
    let freed = Admission { terms_sha256: None, ..admission.clone() };
    key.verify(&freed.signed_bytes(admitted.id, &admitted.team), &signed).unwrap_err();
    world.stop().await;
}

#[tokio::test]
async fn a_refused_task_ends_in_a_fact_with_its_reason() {
    let world = World::start(&[]).await;
    let stranger = submitted("strangers", "hello");
    let mut malformed = submitted("support", "hello");
    malformed.input.messages.clear();
    let mut late = submitted("support", "hello");
    late.constraints.deadline = Some(crate::samples::time("2020-01-01T00:00:00Z"));
    let expected = [
        (stranger, Outcome::Rejected, "unknown_team"),
        (malformed, Outcome::Rejected, "invalid_request"),
        (late, Outcome::Expired, "deadline_exceeded"),
    ];
    for (task, outcome, code) in expected {
        world.submit(&task).await;
        let fact = world.finished(task.team.as_ref().unwrap().as_str(), task.id.unwrap()).await;
        assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (outcome, code));
    }
    world.all_accepts_are_settled().await;
    world.stop().await;
}

#[tokio::test]
async fn a_bare_publish_gets_an_id_that_follows_from_where_it_is_stored() {
    let mut world = World::start(&[]).await;
    let subject = world
        .namespace
        .subject(<neptune_contracts::task::TaskSubmitted as neptune_contracts::Message>::SUBJECT, &["support"]);
    let body = json!({"team": "legal", "input": {"messages": [{"role": "user", "content": "hello"}]}});
    world.nats.publish(&subject, body.to_string().into()).await;
    let task = world.admitted().await.message.task;
    assert_eq!(task.id, TaskId::of_stored(&world.namespace.resource("TASKS"), 1));
    assert_eq!(task.team.as_str(), "support", "the subject says who asks, whatever the body says");
    world.stop().await;
}

#[tokio::test]
async fn a_client_on_the_bus_names_no_key_and_is_told_what_was_ignored() {
    let mut world = World::start(&[]).await;
    let subject = <neptune_contracts::task::TaskSubmitted as neptune_contracts::Message>::SUBJECT;
    let body = json!({
        "key": "good", "origin": "api", "constrants": {}, "constraints": {"max_cost": "0.1"},
        "input": {"messages": [{"role": "user", "content": "hello"}], "seed": 7},
    });
    let publish = |parameters: &[&str]| (world.namespace.subject(subject, parameters), body.to_string());
    let (by_client, by_ingress) = (publish(&["support"]), publish(&["support", "api"]));
    world.nats.publish(&by_client.0, by_client.1.into()).await;
    let admitted = world.admitted().await;
    let task = &admitted.message.task;
    assert_eq!((task.origin, &task.key), (Origin::Bus, &None));
    let ignored = |task: &Task| task.warnings.iter().map(|warning| warning.field.clone()).collect::<Vec<_>>();
    assert_eq!(ignored(task), ["constraints.max_cost", "constrants", "origin", "key"]);
    world.finish(&admitted, usd("0.2")).await;
    let fact = world.finished("support", task.id).await;
    assert_eq!((fact.key, fact.warnings.len()), (None, 4), "the fact says it too");
    assert!(fact.fingerprint.is_some(), "and what was asked, for whoever repeats it");
    world.nats.publish(&by_ingress.0, by_ingress.1.into()).await;
    let task = world.admitted().await.message.task;
    assert_eq!((task.origin, task.key.as_deref()), (Origin::Api, Some("good")), "the broker let it say so");
    assert_eq!(ignored(&task), ["constraints.max_cost", "constrants"]);
    world.stop().await;
}

#[tokio::test]
async fn money_is_held_and_settled_at_what_it_cost() {
    let mut world = World::start(&[daily("0.5")]).await;
    let (first, second) = (submitted("support", "hello"), submitted("support", "hello"));
    world.submit(&first).await;
    let admitted = world.admitted().await;
    let hold = admitted.message.admission.hold.clone().unwrap();
    assert_eq!((hold.id, hold.amount_usd), (hold_id(admitted.message.task.id), usd("0.4096")));
    world.budget_stands_at("support", usd("0"), usd("0.4096")).await;
    world.submit(&second).await;
    let refused = world.finished("support", second.id.unwrap()).await.error.unwrap();
    assert_eq!((refused.code.as_str(), refused.retry_after_ms), ("budget_exceeded", Some(1_000)));
    for part in ["budget daily", "limit 0.5 US dollars", "spent 0,", "held 0.4096", "it resets at "] {
        assert!(refused.message.contains(part), "{}", refused.message);
    }
    world.finish(&admitted, usd("0.0123")).await;
    world.budget_stands_at("support", usd("0.0123"), usd("0")).await;
    world.all_accepts_are_settled().await;
    world.stop().await;
}

#[tokio::test]
async fn a_task_that_comes_twice_is_held_once_and_admitted_twice() {
    let world = World::start(&[daily("0.5")]).await;
    let mut admitted = world.listen::<TaskAdmitted>().await;
    let subject = world
        .namespace
        .subject(<neptune_contracts::task::TaskSubmitted as neptune_contracts::Message>::SUBJECT, &["support"]);
    let body = serde_json::to_vec(&submitted("support", "hello")).unwrap();
    // Without a message id the broker takes each of them for a new one, as it hands out a
    // redelivery; a second hold would not fit into the budget.
    for _ in 0..2 {
        world.nats.publish(&subject, body.clone().into()).await;
    }
    let (one, two) = (next(&mut admitted).await, next(&mut admitted).await);
    assert_eq!(one.task.id, two.task.id);
    assert_eq!(one.admission.hold, two.admission.hold);
    world.budget_stands_at("support", usd("0"), usd("0.4096")).await;
    world.stop().await;
}

#[tokio::test]
async fn an_id_that_was_used_up_is_not_worked_on_again() {
    let mut world = World::start(&[daily("5")]).await;
    let task = submitted("support", "hello");
    world.submit(&task).await;
    let admitted = world.admitted().await;
    world.finish(&admitted, usd("0.2")).await;
    world.budget_stands_at("support", usd("0.2"), usd("0")).await;
    let subject = world
        .namespace
        .subject(<neptune_contracts::task::TaskSubmitted as neptune_contracts::Message>::SUBJECT, &["support"]);
    let mut copies = world.listen::<TaskAdmitted>().await;
    world.nats.publish(&subject, serde_json::to_vec(&task).unwrap().into()).await;
    world.all_accepts_are_settled().await;
    assert!(copies.try_recv().is_err(), "nothing was admitted");
    assert_eq!(world.finished("support", task.id.unwrap()).await.cost_usd, usd("0.2"), "the first fact stands");
    world.stop().await;
}

#[tokio::test]
async fn deliveries_are_admitted_or_end_in_a_fact() {
    let world = World::start(&[]).await;
    let (mut admitted, mut finished) =
        (world.listen::<DeliveryAdmitted>().await, world.listen::<DeliveryFinished>().await);
    let good = delivery("support", Channel::Webhook, DataClass::Internal);
    let bad = delivery("support", Channel::Webhook, DataClass::Restricted);
    for delivery in [good.clone(), bad.clone()] {
        world.bus.publish(&DeliveryRequested { delivery }, &Cause::root()).await.unwrap();
    }
    let passed = next(&mut admitted).await;
    assert_eq!(passed.delivery, good);
    assert!(passed.policy_version.starts_with('r'), "{}", passed.policy_version);
    let ended = next(&mut finished).await;
    assert_eq!((ended.id, ended.outcome), (bad.id, DeliveryOutcome::Rejected));
    assert!(ended.error.unwrap().contains("restricted"));
    world.stop().await;
}

#[tokio::test]
async fn a_changed_resource_counts_from_then_on() {
    let world = World::start(&[]).await;
    assert_eq!(world.budget("support").await, None);
    world.bus.request(&BudgetQuery { team: "strangers".parse().unwrap() }).await.unwrap_err();
    world.bus.put_resource(&daily("3")).await.unwrap();
    wait_until("the budget is in force", PATIENCE, async || {
        world.budget("support").await.is_some_and(|budget| budget.limit_usd == usd("3"))
    })
    .await;
    world.bus.delete_resource("budget/daily").await.unwrap();
    wait_until("the budget is gone", PATIENCE, async || world.budget("support").await.is_none()).await;
    world.stop().await;
}

#[tokio::test]
async fn sensitive_data_is_taken_out_for_a_team_that_there_is() {
    let world = World::start(&[]).await;
    let query = |team: &str, policy: Option<&str>| RedactQuery {
        team: team.parse().unwrap(),
        value: json!({"from": "ada@example.org", "card": "4111 1111 1111 1111"}),
        policy: policy.map(str::to_owned),
    };
    let answers = async || world.bus.request(&query("support", None)).await.is_ok();
    wait_until("governance answers", PATIENCE, answers).await;
    let reply = world.bus.request(&query("support", None)).await.unwrap();
    assert_eq!(reply.value, json!({"from": "[EMAIL_1]", "card": "[CREDIT_CARD_1]"}));
    assert!(reply.found_class == DataClass::Restricted && reply.class < DataClass::Restricted);
    let kept = world.bus.request(&query("support", Some("secrets"))).await.unwrap();
    assert_eq!((kept.class, &kept.value["from"]), (DataClass::Restricted, &json!("ada@example.org")));
    for (team, policy) in [("strangers", None), ("support", Some("some"))] {
        assert!(world.bus.request(&query(team, policy)).await.is_err(), "{team} {policy:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn many_tasks_at_once_are_each_admitted() {
    let mut world = World::start(&[daily("100")]).await;
    let tasks: Vec<_> = (0..100).map(|_| submitted("support", "hello")).collect();
    for task in &tasks {
        world.submit(task).await;
    }
    let mut seen = BTreeSet::new();
    for _ in &tasks {
        let admitted = world.admitted().await;
        seen.insert(admitted.message.task.id);
        world.finish(&admitted, usd("0.001")).await;
    }
    assert_eq!(seen, tasks.iter().filter_map(|task| task.id).collect());
    world.budget_stands_at("support", usd("0.1"), usd("0")).await;
    world.stop().await;
}

#[tokio::test]
async fn it_stops_when_asked_also_without_a_broker() {
    let shutdown = Shutdown::new();
    let nowhere = "127.0.0.1:9";
    let governance = tokio::spawn(run(
        config(&format!("nats://{nowhere}"), &format!("redis://{nowhere}"), &namespace()),
        shutdown.clone(),
    ));
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, governance).await.unwrap().unwrap().unwrap();
}
