//! Events of teams: who may publish them, and who is noted to listen.

use crate::permissions::{as_user, broker};
use neptune_bus::{Bus, Cause, PublishError, setup};
use neptune_contracts::{
    event::{EventPublished, kind_token},
    ids::RunId,
    names::{Service, Team},
};
use neptune_testkit::Nats;
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

fn event(team: &str) -> EventPublished {
    let mut event: EventPublished =
        serde_json::from_value(json!({"id": "1", "source": "/test", "type": "order.paid"})).unwrap();
    event.team = Some(team.parse().unwrap());
    event
}

async fn set_up() -> (Nats, neptune_contracts::subject::Namespace) {
    let namespace = neptune_testkit::namespace();
    let nats = broker(&namespace).await;
    let operator = as_user(&nats, &namespace, "operator", "password-OPERATOR");
    setup::apply(&Bus::connect(&operator, Service::Operator).await.unwrap()).await.unwrap();
    (nats, namespace)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_publishes_events_of_its_own_team_alone_and_each_once() {
    let (nats, namespace) = set_up().await;
    let mut config = as_user(&nats, &namespace, "client-support", "password-CLIENT_SUPPORT");
    config.inbox_prefix = Some("_INBOX.support".into());
    let client = Bus::connect(&config, Service::Client).await.unwrap();
    let first = client.publish(&event("support"), &Cause::root()).await.unwrap();
    let again = client.publish(&event("support"), &Cause::root()).await.unwrap();
    assert_eq!((first.sequence, first.duplicate, again.sequence, again.duplicate), (1, false, 1, true));
    let foreign = event("sales");
    let refused = tokio::time::timeout(Duration::from_secs(3), client.publish(&foreign, &Cause::root())).await;
    assert!(!matches!(refused, Ok(Ok(_))), "{refused:?}");
    let next = EventPublished { id: "2".into(), ..event("support") };
    assert_eq!(client.publish(&next, &Cause::root()).await.unwrap().sequence, 2, "and nothing was stored between");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_of_all_zones_notes_who_listens_and_finds_them_by_type() {
    let (nats, namespace) = set_up().await;
    let executor = Bus::connect(&as_user(&nats, &namespace, "executor", "password-EXECUTOR"), Service::Executor).await;
    let executor = executor.unwrap();
    let (support, sales): (Team, Team) = ("support".parse().unwrap(), "sales".parse().unwrap());
    let (one, two, foreign) = (RunId::mint(), RunId::mint(), RunId::mint());
    let (paid, sent) = (kind_token("order.paid"), kind_token("order sent, at last"));
    for (team, run, kind) in [(&support, one, &paid), (&support, two, &sent), (&sales, foreign, &paid)] {
        executor.note_listener(team, (run, 1), kind).await.unwrap();
    }
    executor.note_listener(&support, (two, 1), "any").await.unwrap();
    let found = async |kinds: &[&str]| executor.listeners(&support, kinds).await.unwrap();
    assert_eq!(found(&[&paid]).await, BTreeSet::from([one]));
    assert_eq!(found(&[&paid, "any"]).await, BTreeSet::from([one, two]));
    // What it listened to until its first end goes, what it listens to since stays.
    executor.note_listener(&support, (two, 2), &sent).await.unwrap();
    executor.forget_listener(&support, (two, 1)).await.unwrap();
    assert_eq!(found(&["any"]).await, BTreeSet::new());
    assert_eq!(found(&[&sent]).await, BTreeSet::from([two]));
    let zone = as_user(&nats, &namespace, "executor-external", "password-EXECUTOR_EXTERNAL");
    let zone = Bus::connect(&zone, Service::Executor).await.unwrap();
    let noting = zone.note_listener(&support, (one, 1), &paid);
    let noted: Result<Result<(), PublishError>, _> = tokio::time::timeout(Duration::from_secs(3), noting).await;
    assert!(!matches!(noted, Ok(Ok(()))), "an executor of one zone drives no runs");
}
