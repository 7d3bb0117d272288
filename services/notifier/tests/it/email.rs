//! E-mail.

use crate::{
    smtp::{Mood, Sink},
    support::{World, delivery},
};
use neptune_contracts::{delivery::DeliveryOutcome, names::Channel};

#[tokio::test(flavor = "multi_thread")]
async fn an_email_arrives_with_both_forms_and_clean_headers() {
    let sink = Sink::start(Mood::Takes).await;
    let world = World::start(&sink.url()).await;
    world.configure_email("Nep\u{1}tune <noreply@neptune.example>").await;
    let mut first = delivery(Channel::Email, "\"Lee, Ann\" <user@a.example>");
    first.spec.subject = Some("Your\r\nBcc: x@y.example answer".into());
    let second = delivery(Channel::Email, "user@a.example");
    for mail in [&first, &second] {
        world.admit_as_is(mail).await;
        let finished = world.ended(mail.id).await;
        let expected = (DeliveryOutcome::Delivered, Some("2.0.0 queued as Q1".to_owned()));
        assert_eq!((finished.outcome, finished.receipt), expected, "{:?}", finished.error);
    }
    let forged = delivery(Channel::Email, "\"Evil\r\nBcc: x@y.example\" <user@a.example>");
    world.admit_as_is(&forged).await;
    let refused = world.ended(forged.id).await;
    assert_eq!((refused.outcome, refused.attempts), (DeliveryOutcome::Failed, 1), "{:?}", refused.error);
    assert!(refused.error.unwrap().contains("not an e-mail address"));
    let messages = sink.messages();
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.starts_with("RCPT TO:<user@a.example>")), "{messages:?}");
    assert!(!messages[0].contains("\r\nBcc:"), "{}", messages[0]);
    assert!(messages[0].contains("From: Neptune <noreply@neptune.example>"), "{}", messages[0]);
    let mail = &messages[1];
    assert!(mail.contains("Subject: Neptune: task completed\r\n"), "{mail}");
    assert!(mail.contains(&format!("Message-ID: <{}@neptune.example>\r\n", second.id)), "{mail}");
    assert!(mail.contains("Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"), "{mail}");
    assert!(
        mail.contains("multipart/alternative") && mail.contains("text/plain") && mail.contains("text/html"),
        "{mail}"
    );
    assert!(mail.contains("Hello <b>") && mail.contains("<p>Hello &lt;b&gt;</p>"), "{mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_for_good_end_it_and_others_come_again() {
    let sink = Sink::start(Mood::Refuses("550 5.1.1 no such user")).await;
    let world = World::start(&sink.url()).await;
    world.configure_email("noreply@neptune.example").await;
    let unknown = world.admit(Channel::Email, "nobody@a.example").await;
    let finished = world.ended(unknown.id).await;
    assert_eq!((finished.outcome, finished.attempts), (DeliveryOutcome::Failed, 1));
    let error = finished.error.unwrap();
    assert!(error.starts_with("the mail server answered 550"), "{error}");
    sink.set(Mood::Refuses("451 4.7.1 greylisted"));
    let greylisted = world.admit(Channel::Email, "user@a.example").await;
    let finished = world.ended(greylisted.id).await;
    assert_eq!((finished.outcome, finished.attempts), (DeliveryOutcome::Failed, 4));
    sink.set(Mood::Takes);
    let nonsense = world.admit(Channel::Email, "no address").await;
    let finished = world.ended(nonsense.id).await;
    assert_eq!((finished.attempts, finished.error.as_deref()), (1, Some("the recipient is not an e-mail address")));
    assert_eq!(sink.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_tried_again_and_a_lost_answer_is_doubtful() {
    let port = neptune_testkit::process::free_port();
    let world = World::start(&format!("smtp://127.0.0.1:{port}")).await;
    world.configure_email("noreply@neptune.example").await;
    let away = world.admit(Channel::Email, "user@a.example").await;
    let finished = world.ended(away.id).await;
    assert_eq!((finished.attempts, finished.error.as_deref()), (4, Some("no connection to the mail server")));
    let sink = Sink::start(Mood::HangsUp).await;
    let world = World::start(&sink.url()).await;
    world.configure_email("noreply@neptune.example").await;
    let doubtful = world.admit(Channel::Email, "user@a.example").await;
    let tries = world.tries(doubtful.id, 1).await;
    assert_eq!(tries, [Some("the mail server's last answer is missing; the message may have arrived".to_owned())]);
    assert_eq!(sink.messages().len(), 1, "not sent again at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_on_this_machine_is_spoken_to_without_tls() {
    let sink = Sink::start(Mood::Takes).await;
    // It leads to this machine, but not by the one spelling that is trusted to.
    let world = World::start(&format!("smtp://LocalHost:{}", sink.port)).await;
    world.configure_email("noreply@neptune.example").await;
    let mail = world.admit(Channel::Email, "user@a.example").await;
    let finished = world.ended(mail.id).await;
    let reason = "the mail server does not support what the message or the login needs";
    assert_eq!((finished.outcome, finished.error.as_deref()), (DeliveryOutcome::Failed, Some(reason)));
    assert_eq!(sink.messages().len(), 0);
}
