//! Webhooks.

use crate::{
    hook::{Answer, Hook, OK},
    support::{PATIENCE, SECRET, World, delivery},
};
use neptune_contracts::{Timestamp, delivery::DeliveryOutcome, names::Channel};
use neptune_notifier::domain::signature::Secrets;
use neptune_testkit::wait_until;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_and_repeated_under_the_same_id_until_it_is_taken() {
    let hook = Hook::start(&[
        Answer::Whole("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
        Answer::Whole("HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"),
        OK,
    ])
    .await;
    let world = World::start("").await;
    world.configure_webhook(&[hook.place()]).await;
    let delivery = world.admit(Channel::Webhook, &hook.url("/hooks?x=1")).await;
    let started = Instant::now();
    let finished = world.ended(delivery.id).await;
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    assert_eq!((finished.outcome, finished.attempts, finished.error), (DeliveryOutcome::Delivered, 3, None));
    let errors = ["the receiver answered 500", "the receiver answered 429"].map(|error| Some(error.to_owned()));
    assert_eq!(world.tries(delivery.id, 3).await, [errors.as_slice(), &[None]].concat());
    let received = hook.received();
    assert_eq!(received.len(), 3);
    for request in &received {
        assert_eq!(request.path, "/hooks?x=1");
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["webhook-id"], delivery.id.to_string());
        let at: i64 = request.headers["webhook-timestamp"].parse().unwrap();
        assert!((Timestamp::now().unix_seconds() - at).abs() < 60, "the time of the try");
        let expected = Secrets::read(SECRET).unwrap().sign(&delivery.id.to_string(), at, &request.body);
        assert_eq!(request.headers["webhook-signature"], expected);
        let body = br#"{"type":"task.completed","timestamp":"2027-01-15T08:00:00Z","data":{"task":"t1"}}"#;
        assert_eq!(String::from_utf8_lossy(&request.body), String::from_utf8_lossy(body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_pass_ends_early() {
    let gone = Hook::start(&[Answer::Whole("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n")]).await;
    let missing = Hook::start(&[Answer::Whole("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")]).await;
    let moved = Hook::start(&[Answer::Whole(
        "HTTP/1.1 302 There\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    )])
    .await;
    let broken = Hook::start(&[Answer::Whole("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")]).await;
    let world = World::start("").await;
    world.configure_webhook(&[gone.place(), missing.place(), moved.place(), broken.place()]).await;
    for (hook, status, tries) in [(gone, 410, 1), (missing, 404, 3), (moved, 302, 3), (broken, 503, 4)] {
        let delivery = world.admit(Channel::Webhook, &hook.url("/")).await;
        let finished = world.ended(delivery.id).await;
        assert_eq!((finished.outcome, finished.attempts), (DeliveryOutcome::Failed, tries), "{status}");
        assert_eq!(finished.error, Some(format!("the receiver answered {status}")));
        assert_eq!(hook.received().len(), tries as usize, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_are_not_reached() {
    let hook = Hook::start(&[OK]).await;
    let world = World::start("").await;
    world.configure_webhook(&["127.0.0.1:1".to_owned()]).await;
    for (to, reason) in [
        (hook.url("/"), "the address is not public"),
        (format!("https://127.0.0.1:{}/", hook.port), "the address is not public"),
        (format!("https://2130706433:{}/", hook.port), "the address is not public"),
        (format!("http://localhost:{}/", hook.port), "the address is not https"),
        (format!("https://localhost:{}/", hook.port), "the name resolves to an address that is not public"),
        ("ftp://hooks.example/".to_owned(), "the address is neither http nor https"),
    ] {
        let delivery = world.admit(Channel::Webhook, &to).await;
        let finished = world.ended(delivery.id).await;
        assert_eq!((finished.outcome, finished.attempts), (DeliveryOutcome::Failed, 1), "{to}");
        assert_eq!(finished.error.as_deref(), Some(reason), "{to}");
    }
    assert_eq!(hook.received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_end_pin_nothing() {
    let (endless, silent) = (Hook::start(&[Answer::Endless]).await, Hook::start(&[Answer::Silent]).await);
    let world = World::start("").await;
    world.configure_webhook(&[endless.place(), silent.place()]).await;
    let slow = world.admit(Channel::Webhook, &silent.url("/")).await;
    let large = world.admit(Channel::Webhook, &endless.url("/")).await;
    let started = Instant::now();
    assert_eq!(world.ended(large.id).await.outcome, DeliveryOutcome::Delivered);
    assert!(started.elapsed() < Duration::from_secs(10), "no more than the cap is read");
    assert_eq!(world.ended(slow.id).await.outcome, DeliveryOutcome::Delivered, "its status was there in time");
    assert!(started.elapsed() < Duration::from_secs(25), "the body's time is the exchange's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_be_configured_late_and_otherwise_the_reason_is_told() {
    let hook = Hook::start(&[OK]).await;
    let world = World::start("").await;
    let never = world.admit(Channel::Webhook, &hook.url("/")).await;
    let finished = world.ended(never.id).await;
    assert_eq!((finished.outcome, finished.attempts), (DeliveryOutcome::Failed, 4));
    assert_eq!(finished.error.as_deref(), Some("the channel webhook is not configured"));
    world.configure_webhook(&[hook.place()]).await;
    // The resource reaches the notifier a moment later.
    let taken = || async {
        let again = delivery(Channel::Webhook, &hook.url("/"));
        world.admit_as_is(&again).await;
        world.ended(again.id).await.outcome == DeliveryOutcome::Delivered
    };
    wait_until("the channel is there", PATIENCE, taken).await;
}
