//! What the broker itself lets a team's program say.

use crate::support::submitted;
use async_nats::{ConnectOptions, jetstream};
use neptune_bus::{Bus, BusConfig, Cause, Progress, setup};
use neptune_contracts::{
    PicoUsd,
    names::Service,
    query::{SpendGroup, SpendQuery, SpendReport},
    render::permissions::nats_users,
    subject::Namespace,
    topology::{GOVERNANCE_FINISHED, METERING_FINISHED, ROUTER_FINISHED},
};
use neptune_runtime::{Shutdown, config::Secret};
use neptune_testkit::Nats;
use std::time::Duration;

/// The published users, with passwords that follow from their names.
pub(crate) async fn broker(namespace: &Namespace) -> Nats {
    let users = nats_users(namespace, &["support"]).replace("$NEPTUNE_NATS_PASSWORD_", "password-");
    // The settings of JetStream end here; its closing brace ends the users.
    Nats::start_with(&format!("}}\n{}", users.trim_end().trim_end_matches('}'))).await
}

pub(crate) fn as_user(nats: &Nats, namespace: &Namespace, user: &str, password: &str) -> BusConfig {
    let credentials = Some((user.to_owned(), Secret::new(password)));
    BusConfig { credentials, ..BusConfig::open(nats.url(), namespace.clone()) }
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
    let operator =
        Bus::connect(&as_user(&nats, &namespace, "operator", "password-OPERATOR"), Service::Operator).await.unwrap();
    setup::apply(&operator).await.unwrap();
    let ingress =
        Bus::connect(&as_user(&nats, &namespace, "ingress", "password-INGRESS"), Service::Ingress).await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn governance_may_ask_what_was_spent_and_how_far_that_goes() {
    let namespace = neptune_testkit::namespace();
    let nats = broker(&namespace).await;
    let connect = async |service: Service| {
        let password = format!("password-{}", service.as_str().to_ascii_uppercase());
        Bus::connect(&as_user(&nats, &namespace, service.as_str(), &password), service).await.unwrap()
    };
    setup::apply(&connect(Service::Operator).await).await.unwrap();
    let (governance, metering) = (connect(Service::Governance).await, connect(Service::Metering).await);
    for consumer in [GOVERNANCE_FINISHED, METERING_FINISHED] {
        assert_eq!(governance.progress(&consumer).await.unwrap(), Progress { delivered: 0, settled: 0 });
    }
    governance.progress(&ROUTER_FINISHED).await.unwrap_err();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move {
        let report = |_: SpendQuery| async { Ok(SpendReport { rows: Vec::new(), total_usd: PicoUsd(7), as_of: None }) };
        metering.serve(&stop, report).await.unwrap();
    });
    let query = SpendQuery { team: None, since: None, until: None, group_by: SpendGroup::Team };
    let told = async || governance.request(&query).await.is_ok_and(|report| report.total_usd == PicoUsd(7));
    neptune_testkit::wait_until("the answer arrives", Duration::from_secs(20), told).await;
    shutdown.cancel();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_of_its_tasks_and_of_no_copies_which_the_router_alone_submits() {
    let namespace = neptune_testkit::namespace();
    let nats = broker(&namespace).await;
    let operator =
        Bus::connect(&as_user(&nats, &namespace, "operator", "password-OPERATOR"), Service::Operator).await.unwrap();
    setup::apply(&operator).await.unwrap();
    let subject =
        |origin: &str| namespace.subject("task.finished.v1.<team>.<origin>.<task>", &["support", origin, "x"]);
    let options = ConnectOptions::with_user_and_password("client-support".into(), "password-CLIENT_SUPPORT".into())
        .custom_inbox_prefix("_INBOX.support");
    let client = options.connect(nats.url()).await.unwrap();
    let mut heard = client.subscribe(format!("{namespace}.task.finished.v1.support.>")).await.unwrap();
    client.flush().await.unwrap();
    let executor = ConnectOptions::with_user_and_password("executor".into(), "password-EXECUTOR".into());
    let executor = executor.custom_inbox_prefix("_INBOX_executor").connect(nats.url()).await.unwrap();
    for origin in ["shadow", "api", "shadow", "bus"] {
        executor.publish(subject(origin), "{}".into()).await.unwrap();
    }
    executor.flush().await.unwrap();
    for origin in ["api", "bus"] {
        let next = tokio::time::timeout(Duration::from_secs(20), futures::StreamExt::next(&mut heard)).await;
        assert_eq!(next.unwrap().unwrap().subject.as_str(), subject(origin));
    }
    let router = ConnectOptions::with_user_and_password("router".into(), "password-ROUTER".into());
    let router = router.custom_inbox_prefix("_INBOX_router").connect(nats.url()).await.unwrap();
    let mut router = jetstream::new(router);
    router.set_timeout(Duration::from_secs(1));
    let submit = async |parameters: &[&str]| {
        let subject = namespace.subject("task.submitted.v1.<team>.<origin?>", parameters);
        router.publish(subject, "{}".into()).await.unwrap().await.map(|ack| ack.sequence)
    };
    submit(&["support", "api"]).await.unwrap_err();
    submit(&["support"]).await.unwrap_err();
    assert_eq!(submit(&["support", "shadow"]).await.unwrap(), 1, "copies, and nothing before them");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_of_one_zone_gets_its_own_work_alone_and_may_note_what_it_does() {
    let namespace = neptune_testkit::namespace();
    let nats = broker(&namespace).await;
    let operator =
        Bus::connect(&as_user(&nats, &namespace, "operator", "password-OPERATOR"), Service::Operator).await.unwrap();
    setup::apply(&operator).await.unwrap();
    let options = ConnectOptions::with_user_and_password("operator".into(), "password-OPERATOR".into());
    let publisher = jetstream::new(options.connect(nats.url()).await.unwrap());
    for zone in ["external", "onprem"] {
        let subject = namespace.subject("task.routed.v1.<zone>.<lane>", &[zone, "realtime"]);
        publisher.publish(subject, "{}".into()).await.unwrap().await.unwrap();
    }
    let options =
        ConnectOptions::with_user_and_password("executor-external".into(), "password-EXECUTOR_EXTERNAL".into());
    let client = options.custom_inbox_prefix("_INBOX_executor").connect(nats.url()).await.unwrap();
    let stage = namespace.resource("STAGE");
    let handed_out = async |zone: &str| {
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stage}.executor-{zone}-realtime");
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.unwrap();
        client.publish_with_reply(next, inbox, r#"{"batch": 1, "no_wait": true}"#.into()).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(2), futures::StreamExt::next(&mut answers)).await;
        told.is_ok_and(|told| told.is_some_and(|told| told.status.is_none()))
    };
    assert!(!handed_out("onprem").await, "the work of another zone");
    assert!(handed_out("external").await, "its own");

    let config = as_user(&nats, &namespace, "executor-external", "password-EXECUTOR_EXTERNAL");
    let bus = Bus::connect(&config, Service::Executor).await.unwrap();
    let first = bus.set_cell("acme/a.1", b"one".to_vec(), 0).await.unwrap().unwrap();
    assert_eq!(bus.set_cell("acme/a.1", b"two".to_vec(), 0).await.unwrap(), None, "somebody wrote before");
    assert_eq!(&bus.cell("acme/a.1").await.unwrap().body[..], b"one");
    bus.set_cell("acme/a.1", b"two".to_vec(), first).await.unwrap().unwrap();
    assert_eq!(bus.cell("acme/b").await.unwrap(), neptune_bus::Cell::default());
    let (team, task) = ("support".parse().unwrap(), neptune_contracts::ids::TaskId::mint());
    assert_eq!(bus.noted::<Vec<u32>>((&team, task)).await.unwrap(), None);
    bus.note((&team, task), &vec![1, 2]).await.unwrap();
    bus.note((&team, task), &vec![3]).await.unwrap();
    let noted = async || bus.noted::<Vec<u32>>((&team, task)).await.unwrap() == Some(vec![3]);
    neptune_testkit::wait_until("the last note is there", Duration::from_secs(20), noted).await;
}
