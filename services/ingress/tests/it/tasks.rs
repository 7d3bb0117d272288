//! `POST /v1/tasks` and `GET /v1/tasks/{id}`.

use crate::support::{ADMIN, PATIENCE, SALES, SUPPORT, World, api_key, header, read, task};
use neptune_testkit::wait_until;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_is_answered_with_the_place_of_its_result() {
    let world = World::start().await;
    let answer = world.post("/v1/tasks", SUPPORT, &task("hold")).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let place = header(&answer, "location");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({"id": place.trim_start_matches("/v1/tasks/"), "status_url": place}));
    let get = |key| world.ingress.get(&place).bearer_auth(api_key(key));
    assert_eq!(read(get(SUPPORT)).await, (202, body.clone()), "it is under way");
    assert_eq!(read(get(ADMIN)).await, (202, body.clone()), "an admin reads any team's");
    let (status, problem) = read(get(SALES)).await;
    assert_eq!((status, &problem["code"], &problem["task"]), (404, &json!("unknown_task"), &body["id"]));
    let unknown = world.ingress.get("/v1/tasks/0199f2aa-0000-7000-8000-0000000000ff").bearer_auth(api_key(SUPPORT));
    assert_eq!(read(unknown).await.0, 404, "nobody submitted it");
    world.rest.let_go.add_permits(1);
    wait_until("the task ends", PATIENCE, || async { get(SUPPORT).send().await.unwrap().status() == 200 }).await;
    let (_, finished) = read(get(SUPPORT)).await;
    assert_eq!((&finished["id"], &finished["outcome"]), (&body["id"], &json!("completed")));
    assert_eq!(read(get(SALES)).await.0, 404, "another team's task is unknown");
    assert_eq!(read(get(ADMIN)).await, (200, finished), "an admin reads any team's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_gets_the_fact_or_the_id() {
    let world = World::start().await;
    let answer = world.post("/v1/tasks?wait=20", SUPPORT, &task("hi")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "x-neptune-cost-usd")), (200, "0".into()));
    let finished: Value = answer.json().await.unwrap();
    assert_eq!((&finished["team"], &finished["outcome"]), (&json!("support"), &json!("completed")));
    let (status, finished) = read(world.post("/v1/tasks?wait=20", SUPPORT, &task("rejected:budget_exceeded"))).await;
    assert_eq!((status, &finished["error"]["code"]), (200, &json!("budget_exceeded")), "a refusal is a fact too");
    let (status, accepted) = read(world.post("/v1/tasks?wait=1", SUPPORT, &task("hold"))).await;
    assert_eq!((status, accepted["id"].is_string()), (202, true));
    world.rest.let_go.add_permits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_is_the_keys_whatever_the_body_says() {
    let world = World::start().await;
    let mut body = task("hi");
    body["team"] = json!("sales");
    body["origin"] = json!("run");
    body["metadata"] = json!({"ticket": "T-1"});
    let (status, finished) = read(world.post("/v1/tasks?wait=20", SUPPORT, &body)).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&finished["team"], &finished["origin"], &finished["key"]),
        (&json!("support"), &json!("api"), &json!(SUPPORT))
    );
    assert_eq!(finished["metadata"], json!({"ticket": "T-1"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_gives_its_place_up_and_the_task_goes_on() {
    let world = World::start().await;
    let mut body = task("hold");
    body["id"] = json!("0199f2aa-0000-7000-8000-000000000007");
    let request = world.post("/v1/tasks?wait=600", SUPPORT, &body).send();
    let client = tokio::spawn(request);
    wait_until("the task is taken", PATIENCE, || async { world.rest.seen() == 1 }).await;
    client.abort();
    world.rest.let_go.add_permits(1);
    let get = || world.ingress.get("/v1/tasks/0199f2aa-0000-7000-8000-000000000007").bearer_auth(api_key(SUPPORT));
    wait_until("the task ends", PATIENCE, || async { get().send().await.unwrap().status() == 200 }).await;
}
