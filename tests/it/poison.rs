//! A message nobody can read is kept whole, answered, and can be replayed once it is mended.

use crate::support::SOON;
use async_nats::jetstream;
use neptune_bus::dead;
use neptune_contracts::ids::TaskId;
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};
use std::{process::Output, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_letters_and_blocks_nobody() {
    let stack = Stack::start().await;
    stack.nats.publish("neptune.task.submitted.v1.support", "this is not JSON".into()).await;
    wait_until("it is kept", SOON, || async { dead::list(&stack.bus, 10).await.unwrap().len() == 1 }).await;
    let letter = dead::list(&stack.bus, 10).await.unwrap().remove(0);
    assert!(letter.letter.reason.contains("not readable"), "{:?}", letter.letter);
    assert_eq!(crate::support::run(&stack, crate::support::ask("hello")).await["outcome"], "completed");
    let empty = || async { stack.nats.stream_messages("NEPTUNE_TASKS").await == 0 };
    wait_until("the accept stream is free", SOON, empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_without_its_channel_waits_for_it() {
    let stack = Stack::start().await;
    stack.bus.delete_resource("channel/webhook").await.unwrap();
    let mut body = crate::support::ask("hello");
    body["deliver"] = json!([{"channel": "webhook", "to": format!("{}/hook/late", stack.sink_url)}]);
    crate::support::run(&stack, body).await;
    let tried = || async { stack.sql("SELECT count(*) FROM delivery_attempt WHERE error IS NOT NULL") != "0" };
    wait_until("a first try failed", SOON, tried).await;
    let sink = stack.sink_url.trim_start_matches("http://").to_owned();
    stack
        .apply(&[manifest(
            "Channel",
            "webhook",
            json!({"type": "webhook", "secretEnv": "NEPTUNE_WEBHOOK_SECRET", "allowPrivate": [sink]}),
        )])
        .await;
    wait_until("it is delivered after all", SOON, || async { stack.hooks().await.len() == 1 }).await;
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Publishes a task whose body travels by reference and is not in the store. Returns the object's
/// name and content.
async fn publish_without_body(stack: &Stack, context: &jetstream::Context) -> (String, Vec<u8>) {
    let body = serde_json::to_vec(&crate::support::ask("hello")).unwrap();
    let sum = ring::digest::digest(&ring::digest::SHA256, &body);
    let name: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Neptune-Body", name.as_str());
    let subject = "neptune.task.submitted.v1.support";
    context.publish_with_headers(subject, headers, "".into()).await.unwrap().await.unwrap();
    let kept = || async { json_of(&stack.neptune(&["dead", "list", "--json"]).await) != json!([]) };
    wait_until("`neptune dead list` has it", Duration::from_secs(60), kept).await;
    (name, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_replayed_once_its_cause_is_gone_and_its_task_ends_once() {
    let stack = Stack::start().await;
    let context = jetstream::new(stack.nats.client().await);
    let (name, body) = publish_without_body(&stack, &context).await;
    let listed = json_of(&stack.neptune(&["dead", "list", "--json"]).await);
    let number = listed[0]["sequence"].to_string();
    assert!(listed[0]["letter"]["reason"].as_str().unwrap().contains("not in the store of large bodies"), "{listed}");
    let table = String::from_utf8(stack.neptune(&["dead", "list"]).await.stdout).unwrap();
    assert!(table.contains("governance") && table.contains("neptune.task.submitted.v1.support"), "{table}");
    let first = TaskId::of_stored("NEPTUNE_TASKS", 1);
    let ended = crate::support::facts(&stack, &[first], SOON).await.remove(0);
    assert_eq!((ended.outcome.as_str(), ended.error.unwrap().code.as_str()), ("failed", "dead_letter"));

    let early = stack.neptune(&["dead", "replay", &number]).await;
    let said = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(early.status.code() == Some(1) && said.contains("cannot be restored"), "{early:?}");
    assert_eq!(json_of(&stack.neptune(&["dead", "list", "--json"]).await), listed, "the letter stays");

    let store = context.get_object_store("NEPTUNE_PAYLOADS").await.unwrap();
    store.put(name.as_str(), &mut body.as_slice()).await.unwrap();
    let replayed = json_of(&stack.neptune(&["dead", "replay", &number, "--json"]).await);
    let second: TaskId = replayed["task"].as_str().unwrap().parse().unwrap();
    let facts = crate::support::facts(&stack, &[first, second], SOON).await;
    assert_eq!((facts[0].outcome.as_str(), facts[1].outcome.as_str()), ("failed", "completed"));
    assert_eq!(facts[1].attempts.len(), 1, "{:?}", facts[1]);
    crate::support::ledger_agrees(&stack, &facts, SOON).await;
    assert_eq!(json_of(&stack.neptune(&["dead", "list", "--json"]).await), json!([]), "a replayed letter is gone");
    let again = stack.neptune(&["dead", "replay", &number]).await;
    assert_eq!(again.status.code(), Some(4), "{again:?}");
    assert_eq!(stack.nats.stream_messages("NEPTUNE_TASKS").await, 0);
    let shown = json_of(&stack.neptune(&["task", "show", &second.to_string(), "--json"]).await);
    assert_eq!(shown["finished"]["outcome"], "completed", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_while_the_cause_lasts_ends_among_the_dead_letters_again() {
    let stack = Stack::start().await;
    stack.nats.publish("neptune.task.submitted.v1.support", "this is not JSON".into()).await;
    let listed = || async { json_of(&stack.neptune(&["dead", "list", "--json"]).await) };
    wait_until("it is kept", SOON, || async { listed().await != json!([]) }).await;
    let number = listed().await[0]["sequence"].as_u64().unwrap();
    let replayed = json_of(&stack.neptune(&["dead", "replay", &number.to_string(), "--json"]).await);
    assert_eq!(replayed, json!({"sequence": number, "task": null}));
    let anew = || async { listed().await[0]["sequence"].as_u64().is_some_and(|sequence| sequence > number) };
    wait_until("it is kept anew", SOON, anew).await;
    assert_eq!(listed().await.as_array().unwrap().len(), 1);
}
