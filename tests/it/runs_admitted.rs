//! What starts and admits runs, through the whole system: keys, places, teams, schedules.

use crate::support::SOON;
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

fn workflow(name: &str, neptune: &Value, rest: &Value) -> neptune_contracts::resource::Manifest {
    let metadata = json!({"neptune": neptune});
    let head = json!({"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0", "metadata": metadata});
    let mut document = json!({"document": head});
    document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    manifest("Workflow", &format!("test/{name}:1.0.0"), json!({"document": document}))
}

async fn submit(stack: &Stack, query: &str, key: Option<&str>, body: Value) -> (u16, Value) {
    let mut request = stack.post(&format!("/v1/runs{query}")).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_admitted_by_key_place_and_team_and_started_by_time() {
    let stack = Stack::start().await;
    let hears = json!({"do": [{"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}]});
    let out = json!({"do": [{"out": {"set": {"x": "${ .ticket }"}}}]});
    let ticks = json!({"schedule": {"every": "PT2S"}, "do": [{"out": {"set": {"x": 1}}}]});
    let strict = json!({"concurrency": {"key": "${ .customer }", "onConflict": "reject"}});
    stack
        .apply(&[
            workflow("strict", &strict, &hears),
            workflow("keyed", &json!({"idempotencyKey": "${ .ticket }"}), &out),
            workflow("sales", &json!({"team": "sales"}), &out),
            workflow("ticks", &json!({"team": "support"}), &ticks),
        ])
        .await;
    let body = |name: &str, input: Value| json!({"workflow": format!("test/{name}"), "input": input});
    let known = || async { submit(&stack, "", None, body("sales", json!({}))).await.0 == 403 };
    wait_until("the ingress knows the workflows, of which one is another team's", SOON, known).await;

    // The same key is the same run, from the definition and from the caller, at the same time and later.
    let same = || submit(&stack, "?wait=20", None, body("keyed", json!({"ticket": 7})));
    let ((one, first), (two, second)) = tokio::join!(same(), same());
    assert_eq!((one, two), (200, 200), "{first} {second}");
    assert_eq!((&first["id"], &first["output"]), (&second["id"], &json!({"x": 7})));
    let (status, again) = submit(&stack, "", None, body("keyed", json!({"ticket": 7}))).await;
    assert_eq!((status, &again["id"]), (200, &first["id"]));
    let (status, other) = submit(&stack, "", None, body("keyed", json!({"ticket": 7, "more": 1}))).await;
    assert_eq!((status, other["code"].as_str()), (422, Some("idempotency_key_reused")), "{other}");
    let (status, nothing) = submit(&stack, "", None, body("keyed", json!({}))).await;
    assert_eq!(status, 400, "{nothing}");
    let two_inputs = |n: u64| submit(&stack, "?wait=20", Some("k-1"), body("strict", json!({"customer": "c", "n": n})));
    let started = || async {
        let (left, right) = tokio::join!(two_inputs(1), two_inputs(2));
        let mut statuses = [left.0, right.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 422], "{left:?} {right:?}");
        if left.0 == 202 { left.1["id"].clone() } else { right.1["id"].clone() }
    };
    let run = {
        let (id, ()) = tokio::join!(started(), async {
            // Whoever waits is told at once that there is no place; others find it in the run.
            let full =
                || async { submit(&stack, "?wait=20", None, body("strict", json!({"customer": "c"}))).await.0 == 409 };
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            wait_until("there is no place", SOON, full).await;
        });
        id.as_str().unwrap().to_owned()
    };
    let (status, refused) = submit(&stack, "", None, body("strict", json!({"customer": "c"}))).await;
    assert_eq!(status, 202, "{refused}");
    let path = format!("/v1/runs/{}", refused["id"].as_str().unwrap());
    let state =
        || async { stack.get(&path).send().await.unwrap().json::<Value>().await.unwrap()["state"] == "rejected" };
    wait_until("it is rejected", SOON, state).await;
    let view: Value = stack.get(&format!("/v1/runs/{run}")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&view["state"], &view["concurrency"]["key"]), (&json!("running"), &json!("c")), "{view}");

    // The schedule has started runs of its own, and the command tells.
    let show = || async { stack.neptune(&["workflow", "show", "test/ticks"]).await };
    let ran = || async { String::from_utf8(show().await.stdout).unwrap().contains("completed") };
    wait_until("it ran by itself", SOON, ran).await;
    let listed = String::from_utf8(stack.neptune(&["workflow", "list"]).await.stdout).unwrap();
    let line = listed.lines().find(|line| line.starts_with("test/ticks ")).unwrap().to_owned();
    assert!(line.contains("every 2 s") && line.contains("support"), "{listed}");
    assert!(!stack.neptune(&["workflow", "show", "test/none"]).await.status.success());
}
