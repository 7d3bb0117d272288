//! `POST /v1/tasks/{id}/feedback`.

use crate::support::{PATIENCE, SALES, SUPPORT, World, connect, read, task};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{
    feedback::{FeedbackBy, FeedbackGiven},
    names::Service,
    topology::ROUTER_FEEDBACK,
};
use neptune_runtime::Shutdown;
use serde_json::{Value, json};
use tokio::sync::mpsc;

async fn finished(world: &World, text: &str) -> String {
    let (_, finished) = read(world.post("/v1/tasks?wait=20", SUPPORT, &task(text))).await;
    format!("/v1/tasks/{}/feedback", finished["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_needs_a_finished_task_of_the_team_that_has_an_answer() {
    let world = World::start().await;
    let give = async |place: &str, key: &str, body: Value| read(world.post(place, key, &body)).await;
    let unknown = "/v1/tasks/0199f2aa-0000-7000-8000-000000000009/feedback";
    let (status, problem) = give(unknown, SUPPORT, json!({"score": 1})).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_finished_or_unknown")));
    let refused = finished(&world, "rejected:budget_exceeded").await;
    let (status, problem) = give(&refused, SUPPORT, json!({"score": 1})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("no_answer")));
    assert_eq!(give(&refused, SALES, json!({"score": 1})).await.0, 404, "another team's task is unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_name_the_field_and_the_limit() {
    let world = World::start().await;
    let place = "/v1/tasks/0199f2aa-0000-7000-8000-000000000009/feedback";
    for (body, told) in [
        (json!({"score": 1.5}), "score"),
        (json!({}), "missing field `score`"),
        (json!({"score": 1, "by": "nobody"}), "by: unknown value `nobody`"),
        (json!({"score": "good"}), "score: invalid type: string \"good\", expected a number"),
        (json!([1, "person"]), "a JSON object is expected, not a list"),
        (json!({"score": 1, "team": "sales"}), "unknown field `team`"),
    ] {
        let (status, problem) = read(world.post(place, SUPPORT, &body)).await;
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    let (status, problem) = read(world.post("/v1/tasks/x/feedback", SUPPORT, &json!({"score": 1}))).await;
    assert_eq!((status, &problem["problems"][0]["field"]), (400, &json!("id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_is_a_fact_of_the_team() {
    let world = World::start().await;
    let place = finished(&world, "attempt").await;
    let (status, taken) = read(world.post(&place, SUPPORT, &json!({"score": 0.25, "by": "judge"}))).await;
    assert_eq!(status, 202, "{taken}");
    let (sender, mut facts) = mpsc::unbounded_channel();
    let (bus, shutdown) = (connect(&world.nats, &world.namespace, Service::Router).await, Shutdown::new());
    let stop = shutdown.clone();
    let take = move |incoming: Incoming<FeedbackGiven>| {
        sender.send(incoming.message).ok();
        std::future::ready(Outcome::Done)
    };
    let consuming = tokio::spawn(async move { bus.consume(&ROUTER_FEEDBACK, 1, &stop, take).await });
    let fact = tokio::time::timeout(PATIENCE, facts.recv()).await.unwrap().unwrap();
    assert_eq!((fact.score, fact.by, fact.team.unwrap().as_str()), (0.25, FeedbackBy::Judge, "support"));
    assert_eq!((json!(fact.id), json!(fact.task)), (taken["id"].clone(), taken["task"].clone()));
    shutdown.cancel();
    consuming.await.unwrap().unwrap();
}
