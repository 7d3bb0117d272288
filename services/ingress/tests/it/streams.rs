//! Answers in pieces.

use crate::support::{PATIENCE, SUPPORT, World, chat, header};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn when_another_attempt_begins_to_speak_the_stream_ends_and_the_task_goes_on() {
    let world = World::start().await;
    let mut body = chat("please spliced");
    body["stream"] = json!(true);
    let answer = world.post("/v1/chat/completions", SUPPORT, &body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let task = header(&answer, "x-neptune-task-id");
    // Nobody has let the task end.
    let text = tokio::time::timeout(PATIENCE, answer.text()).await.expect("the stream ends by itself").unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let [said, error] = events.as_slice() else { panic!("{text}") };
    assert_eq!(said["choices"][0]["delta"]["content"], "first");
    assert_eq!(error["error"]["code"], "stream_interrupted", "{text}");
    assert!(error["error"]["message"].as_str().unwrap().contains(&task), "{text}");
    world.rest.let_go.add_permits(1);
    let path = format!("/v1/tasks/{task}");
    let ended = || async {
        let answer = world.ingress.get(&path).bearer_auth(crate::support::api_key(SUPPORT)).send().await.unwrap();
        answer.status() == 200 && answer.json::<Value>().await.unwrap()["outcome"] == "completed"
    };
    neptune_testkit::wait_until("the task goes on", PATIENCE, ended).await;
}
