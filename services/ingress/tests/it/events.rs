//! `POST /v1/events`.

use crate::support::{ADMIN, PATIENCE, SUPPORT, World, connect, read};
use futures::StreamExt as _;
use neptune_contracts::{event::EventPublished, names::Service};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_once_for_the_team_of_the_key() {
    let world = World::start().await;
    let client = connect(&world.nats, &world.namespace, Service::Client).await;
    let mut heard = client.listen::<EventPublished>().await.unwrap();
    let body = json!({
        "specversion": "1.0", "id": "4711", "source": "https://shop.example/orders", "type": "order.paid",
        "data": {"order": "o-1"}, "comexampleregion": "eu",
    });
    let (status, told) = read(world.post("/v1/events", SUPPORT, &body)).await;
    assert_eq!((status, told), (202, json!({"id": "4711", "source": "https://shop.example/orders", "is_new": true})));
    let (status, told) = read(world.post("/v1/events", SUPPORT, &body)).await;
    assert_eq!((status, &told["is_new"]), (202, &json!(false)), "the broker knows it already");
    let event = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap().unwrap();
    assert_eq!((event.team.as_ref().unwrap().as_str(), event.kind.as_str()), ("support", "order.paid"));
    assert_eq!(event.attributes["comexampleregion"], "eu");
    assert_eq!(world.nats.stream_messages(&world.namespace.resource("EVENTS")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_with_every_fault() {
    let world = World::start().await;
    let body = json!({"type": "", "neptunerun": "x", "Region": "eu"});
    let (status, problem) = read(world.post("/v1/events", SUPPORT, &body)).await;
    let fields: Vec<&str> =
        problem["problems"].as_array().unwrap().iter().map(|problem| problem["field"].as_str().unwrap()).collect();
    assert_eq!((status, fields), (400, vec!["type", "Region", "neptunerun"]), "{problem}");
    let (status, problem) = read(world.post("/v1/events", ADMIN, &json!({"type": "a"}))).await;
    assert_eq!((status, &problem["code"]), (403, &json!("key_not_allowed")));
}
