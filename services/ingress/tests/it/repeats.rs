//! The same request twice.

use crate::support::{SALES, SUPPORT, World, chat, header, read, task};
use serde_json::json;

const COMPLETIONS: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_makes_a_repeat_the_same_task() {
    let world = World::start().await;
    let send =
        |key: &str, text: &str| world.post("/v1/tasks?wait=20", key, &task(text)).header("idempotency-key", "order-7");
    let (status, first) = read(send(SUPPORT, "hi")).await;
    assert_eq!(status, 200);
    assert_eq!(read(send(SUPPORT, "hi")).await, (200, first.clone()), "the stored fact answers");
    let at_once = world.post("/v1/tasks", SUPPORT, &task("hi")).header("idempotency-key", "order-7");
    assert_eq!(read(at_once).await, (200, first.clone()), "also without waiting");
    let completion = world.post(COMPLETIONS, SUPPORT, &chat("hi")).header("idempotency-key", "order-7");
    assert_eq!(read(completion).await, (200, first["output"].clone()), "also as a completion");
    assert_eq!(world.rest.seen(), 1, "one task");
    let (status, other) = read(send(SALES, "hi")).await;
    assert_eq!((status, world.rest.seen()), (200, 2), "another team's key is another task");
    assert_ne!(other["id"], first["id"]);
    let (status, problem) = read(send(SUPPORT, "something else")).await;
    assert_eq!((status, &problem["code"], &problem["task"]), (422, &json!("idempotency_key_reused"), &first["id"]));
    assert_eq!(world.rest.seen(), 2, "nothing ran for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_says_anything_else_is_refused_with_the_part_that_differs() {
    let world = World::start().await;
    let full = json!({
        "input": chat("hi"), "task_type": "chat", "constraints": {"max_cost_usd": "0.5"}, "output": {"schema": {}},
        "deliver": [{"channel": "email", "to": "a@b.example"}], "metadata": {"ticket": 7},
    });
    let send =
        |body: &serde_json::Value| world.post("/v1/tasks?wait=20", SUPPORT, body).header("idempotency-key", "order-8");
    let (status, first) = read(send(&full)).await;
    assert_eq!(status, 200);
    for (part, value) in [
        ("input", chat("hallo")),
        ("task_type", json!("translation")),
        ("constraints", json!({"max_cost_usd": "0.6"})),
        ("output", json!({"schema": {"type": "object"}})),
        ("deliver", json!([{"channel": "email", "to": "c@b.example"}])),
        ("metadata", json!({"ticket": 8})),
    ] {
        let mut other = full.clone();
        other[part] = value;
        let (status, problem) = read(send(&other)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")), "{problem}");
        let fields: Vec<_> = problem["problems"].as_array().unwrap().iter().map(|fault| &fault["field"]).collect();
        assert_eq!(fields, [part], "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(&format!("had another {part};")), "{problem}");
    }
    assert_eq!(read(send(&full)).await, (200, first.clone()), "unchanged it is still the same task");
    let mut by_id = full.clone();
    by_id["id"] = first["id"].clone();
    assert_eq!(read(world.post("/v1/tasks", SUPPORT, &by_id)).await.0, 200, "the id is as good as the key");
    by_id["metadata"] = json!({});
    let (status, problem) = read(world.post("/v1/tasks", SUPPORT, &by_id)).await;
    assert_eq!((status, &problem["problems"][0]["field"]), (422, &json!("metadata")));
    assert_eq!(world.rest.seen(), 1, "nothing ran for any of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_headers_are_compared_as_they_were_said() {
    let world = World::start().await;
    let send = |millis: &str, cost: &str| {
        let request = world.post(COMPLETIONS, SUPPORT, &chat("hi")).header("idempotency-key", "order-9");
        request.header("x-neptune-deadline-ms", millis).header("x-neptune-max-cost-usd", cost)
    };
    assert_eq!(read(send("60000", "0.5")).await.0, 200);
    assert_eq!(read(send("60000", "0.5")).await.0, 200, "the point in time is another one, the request is not");
    for (millis, cost) in [("59000", "0.5"), ("60000", "0.6")] {
        let (status, error) = read(send(millis, cost)).await;
        assert_eq!((status, &error["error"]["param"]), (422, &json!("constraints")), "{error}");
    }
    assert_eq!(world.rest.seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_of_a_running_task_all_get_its_answer() {
    let world = World::start().await;
    let send = || {
        let request = world.post(COMPLETIONS, SUPPORT, &chat("hold")).header("idempotency-key", "k");
        async { request.send().await.unwrap() }
    };
    let release = async {
        neptune_testkit::wait_until("the task is taken", crate::support::PATIENCE, || async { world.rest.seen() == 1 })
            .await;
        world.rest.let_go.add_permits(1);
    };
    let (one, two, three, ()) = tokio::join!(send(), send(), send(), release);
    let ids = [&one, &two, &three].map(|answer| header(answer, "x-neptune-task-id"));
    assert_eq!([one.status(), two.status(), three.status()], [200; 3]);
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "{ids:?}");
    assert_eq!(world.rest.seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_was_turned_away_for_the_moment_does_not_spend_its_key() {
    let world = World::start().await;
    let send = |text: &str| world.post(COMPLETIONS, SUPPORT, &chat(text)).header("idempotency-key", "k");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = send("no_route:no_capacity").send().await.unwrap();
        assert_eq!(answer.status(), 503);
        ids.push(header(&answer, "x-neptune-task-id"));
    }
    assert_ne!(ids[0], ids[1], "each try is a task of its own");
    let (status, _) = read(send("hi")).await;
    assert_eq!((status, world.rest.seen()), (200, 3));
    assert_eq!(read(send("hi")).await.0, 200);
    assert_eq!(world.rest.seen(), 3, "from now on the key is bound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_refusal_stays_the_keys_answer() {
    let world = World::start().await;
    let send = || world.post(COMPLETIONS, SUPPORT, &chat("rejected:budget_exceeded")).header("idempotency-key", "k");
    for _ in 0..2 {
        assert_eq!(read(send()).await.0, 429);
    }
    assert_eq!(world.rest.seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_id_of_the_callers_own_is_kept() {
    let world = World::start().await;
    let mut body = task("hi");
    body["id"] = json!("0199f2aa-0000-7000-8000-000000000007");
    let (status, first) = read(world.post("/v1/tasks?wait=20", SUPPORT, &body)).await;
    assert_eq!((status, &first["id"]), (200, &body["id"]));
    assert_eq!(read(world.post("/v1/tasks?wait=20", SUPPORT, &body)).await, (200, first));
    assert_eq!(world.rest.seen(), 1);
}
