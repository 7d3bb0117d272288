//! How sensitive runs are, by what whoever submits, signals or publishes says: models on the internet see none of it.

use crate::support::SOON;
use neptune_testkit::wait_until;
use neptune_tests::{keys::key, resources::CALLER, stack::Stack};
use serde_json::{Value, json};

const LOCAL: &str = "meta/llama-3.3-70b";
const ASKS: &str = r"
document: {dsl: '1.0.3', namespace: support, name: asks, version: '1.0.0'}
do:
  - before: {call: 'model:1.0.0@default', with: {input: 'Why do pumps leak?', route: 'auto:best'}}
  - hear: {listen: {to: {one: {with: {type: go}}}}}
  - after: {call: 'model:1.0.0@default', with: {input: 'And why do they stop?', route: 'auto:best'}}
";

async fn begin(stack: &Stack, body: &Value) -> Value {
    let answer = stack.post("/v1/runs").json(body).send().await.unwrap();
    let (status, told) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert_eq!(status, 202, "{told}");
    told["id"].clone()
}

async fn view(stack: &Stack, id: &Value) -> Value {
    let path = format!("/v1/runs/{}", id.as_str().unwrap());
    let answer = stack.get(&path).send().await.unwrap();
    answer.json().await.unwrap()
}

/// A step of a run, where it has begun.
fn step<'v>(view: &'v Value, name: &str) -> Option<&'v Value> {
    view["steps"].as_array()?.iter().find(|step| step["name"] == name)
}

async fn until_it_listens(stack: &Stack, id: &Value) {
    let listens = || async { step(&view(stack, id).await, "hear").is_some_and(|step| step["state"] == "running") };
    wait_until("it listens", SOON, listens).await;
}

async fn ended(stack: &Stack, id: &Value) -> Value {
    wait_until("it has ended", SOON, || async { view(stack, id).await["ended_at"].is_string() }).await;
    let view = view(stack, id).await;
    assert_eq!(view["state"], "completed", "{view:#}");
    view
}

fn model(view: &Value, name: &str) -> String {
    step(view, name).unwrap()["note"]["model"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_a_run_as_restricted_goes_to_local_models_alone() {
    let stack = Stack::start().await;
    let file = stack.folder.path().join("asks.yaml");
    std::fs::write(&file, ASKS).unwrap();
    let applied = stack.neptune(&["apply", "-f", file.to_str().unwrap()]).await;
    assert!(applied.status.success(), "{applied:?}");
    let key = key(CALLER).key;
    let variables = [("NEPTUNE_URL", stack.url.as_str()), ("NEPTUNE_API_KEY", key.as_str())];
    let command = async |arguments: &[&str]| {
        let output = stack.neptune_with(&variables, arguments).await;
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let start = ["run", "start", "support/asks", "--class", "restricted", "--idempotency-key", "r-1"];
    wait_until("the ingress knows the workflow", SOON, || async { command(&start).await.0 }).await;

    // The input is restricted.
    let id = json!(command(&start).await.1.trim());
    until_it_listens(&stack, &id).await;
    let (_, shown, _) = command(&["run", "show", id.as_str().unwrap()]).await;
    assert!(shown.contains("class     restricted"), "{shown}");
    command(&["run", "signal", id.as_str().unwrap(), "--type", "go"]).await;
    let restricted = ended(&stack, &id).await;
    assert_eq!((model(&restricted, "before"), model(&restricted, "after")), (LOCAL.into(), LOCAL.into()));
    assert_eq!(restricted["class"], "restricted");

    // What it hears is, by a signal or as an event of the team; what was before is not.
    let body = json!({"workflow": "support/asks", "class": "public"});
    let signalled = begin(&stack, &body).await;
    until_it_listens(&stack, &signalled).await;
    let path = format!("/v1/runs/{}/signals", signalled.as_str().unwrap());
    let signal = stack.post(&path).json(&json!({"type": "go", "class": "restricted"})).send().await.unwrap();
    assert_eq!(signal.status(), 202);
    let heard = begin(&stack, &body).await;
    until_it_listens(&stack, &heard).await;
    // A run begins to hear events when its step is known to all executors; one that comes too early is lost.
    let hears = || async {
        let (is_sent, _, fault) = command(&["event", "send", "go", "--class", "restricted"]).await;
        assert!(is_sent, "{fault}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        step(&view(&stack, &heard).await, "after").is_some()
    };
    wait_until("it hears the event", SOON, hears).await;
    for id in [&signalled, &heard] {
        let view = ended(&stack, id).await;
        assert_ne!(model(&view, "before"), LOCAL, "the best model is on the internet");
        assert_eq!((model(&view, "after"), &view["class"]), (LOCAL.into(), &json!("restricted")));
    }

    // A word that is none is told with those that are, and a repeat that is more sensitive is no repeat.
    for (path, body) in [
        ("/v1/runs", json!({"workflow": "support/asks", "class": "secret"})),
        (&path, json!({"type": "go", "class": "secret"})),
        ("/v1/events", json!({"type": "go", "class": "secret"})),
    ] {
        let answer = stack.post(path).json(&body).send().await.unwrap();
        let (status, problem) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!((status.as_u16(), &problem["problems"][0]["field"]), (400, &json!("class")), "{path} {problem}");
        let message = problem["problems"][0]["message"].as_str().unwrap();
        assert!(
            ["public", "internal", "confidential", "restricted"].iter().all(|word| message.contains(word)),
            "{message}"
        );
    }
    let refused = command(&["run", "start", "support/asks", "--class", "secret"]).await;
    assert!(!refused.0 && refused.2.contains("confidential"), "{}", refused.2);
    let mut plain = vec!["run", "start", "support/asks", "--idempotency-key", "r-2"];
    assert!(command(&plain).await.0);
    plain.extend(["--class", "restricted"]);
    let (is_repeat, _, told) = command(&plain).await;
    assert!(!is_repeat && told.contains("class"), "{told}");
}
