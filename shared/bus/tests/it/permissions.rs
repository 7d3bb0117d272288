//! What the broker itself lets a team's program say.

use crate::support::submitted;
use async_nats::{ConnectOptions, jetstream};
use neptune_bus::{Bus, BusConfig, Cause, setup};
use neptune_contracts::{names::Service, render::permissions::nats_users, subject::Namespace};
use neptune_runtime::config::Secret;
use neptune_testkit::Nats;
use std::time::Duration;

/// The published users, with passwords that follow from their names.
async fn broker(namespace: &Namespace) -> Nats {
    let users = nats_users(namespace, &["support"]).replace("$NEPTUNE_NATS_PASSWORD_", "password-");
    // The settings of JetStream end here; its closing brace ends the users.
    Nats::start_with(&format!("}}\n{}", users.trim_end().trim_end_matches('}'))).await
}

async fn client(nats: &Nats) -> jetstream::Context {
    let options = ConnectOptions::with_user_and_password("client-support".into(), "password-CLIENT_SUPPORT".into())
        .custom_inbox_prefix("_INBOX.support");
    let mut context = jetstream::new(options.connect(nats.url()).await.unwrap());
    context.set_timeout(Duration::from_secs(1));
    context
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_ingress_says_which_key_a_task_came_with() {
    let namespace = neptune_testkit::namespace();
    let nats = broker(&namespace).await;
    let as_user = |user: &str, password: &str| {
        let credentials = Some((user.to_owned(), Secret::new(password)));
        BusConfig { credentials, ..BusConfig::open(nats.url(), namespace.clone()) }
    };
    let operator = Bus::connect(&as_user("operator", "password-OPERATOR"), Service::Operator).await.unwrap();
    setup::apply(&operator).await.unwrap();
    let ingress = Bus::connect(&as_user("ingress", "password-INGRESS"), Service::Ingress).await.unwrap();
    let mut task = submitted("hello");
    (task.origin, task.key) = (neptune_contracts::names::Origin::Api, Some("key000000001".into()));
    assert_eq!(ingress.publish(&task, &Cause::root()).await.unwrap().sequence, 1);

    let (context, body) = (client(&nats).await, serde_json::to_vec(&task).unwrap());
    let publish = async |parameters: &[&str]| {
        let subject = namespace.subject("task.submitted.v1.<team>.<origin?>", parameters);
        context.publish(subject, body.clone().into()).await.unwrap().await.map(|ack| ack.sequence)
    };
    publish(&["support", "api"]).await.unwrap_err();
    publish(&["sales"]).await.unwrap_err();
    assert_eq!(publish(&["support"]).await.unwrap(), 2, "what it may say was stored, and nothing before it");
}
