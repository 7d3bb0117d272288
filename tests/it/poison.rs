//! A message nobody can read is kept whole, answered, and can be replayed once it is mended.

use crate::support::SOON;
use neptune_bus::dead;
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::json;

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
