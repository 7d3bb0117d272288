//! A task goes all the way: by HTTP, by a bare publish, and as an OpenAI client sends it.

use crate::support::{SOON, ask, facts, ledger_agrees, run};
use neptune_contracts::ids::TaskId;
use neptune_testkit::wait_until;
use neptune_tests::{
    keys::key,
    resources::{ADMIN, CALLER},
    stack::Stack,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_governed_routed_answered_metered_and_delivered() {
    let stack = Stack::start().await;
    let hook = format!("{}/hook/tickets", stack.sink_url);
    let mut body = ask("Please summarize: the pump in hall 3 leaks since Monday.");
    body["deliver"] = json!([{"channel": "webhook", "to": hook}, {"channel": "email", "to": "lead@support.example", "subject": "Pump"}]);
    body["metadata"] = json!({"ticket": "T-17"});
    let fact = run(&stack, body).await;
    assert_eq!(fact["outcome"], "completed");
    assert_eq!(fact["task_type"], "summarization");
    assert!(!fact["output"]["choices"][0]["message"]["content"].as_str().unwrap().is_empty());
    assert!(fact["route"]["because"].as_str().unwrap().contains(fact["attempts"][0]["model"].as_str().unwrap()));
    assert_eq!(fact["metadata"]["ticket"], "T-17");

    wait_until("the webhook arrives", SOON, || async { stack.hooks().await.len() == 1 }).await;
    wait_until("the e-mail arrives", SOON, || async { stack.mails().await.len() == 1 }).await;
    let id: TaskId = serde_json::from_value(fact["id"].clone()).unwrap();
    let known = facts(&stack, &[id], SOON).await;
    ledger_agrees(&stack, &known, SOON).await;
    let delivered = || async { stack.sql("SELECT count(*) FROM delivery WHERE state = 'delivered'") == "2" };
    wait_until("both deliveries are in the ledger", SOON, delivered).await;

    let hooks = stack.hooks().await;
    let signed = hooks[0].to_string();
    for part in ["webhook-id", "webhook-timestamp", "v1,", "task.completed"] {
        assert!(signed.contains(part), "{part} is missing in {signed}");
    }
    let account = stack.account().await;
    let own_total: i64 = known.iter().map(|fact| fact.cost_usd.0).sum();
    assert!(own_total > 0, "{account}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_client_is_answered_as_it_expects() {
    let stack = Stack::start().await;
    let request =
        json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "What is a pump?"}], "max_tokens": 60});
    let answer = stack.post("/v1/chat/completions").json(&request).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for header in ["x-request-id", "x-neptune-task-id", "x-neptune-cost-usd", "x-neptune-overhead-ms"] {
        assert!(answer.headers().contains_key(header), "{header}");
    }
    assert_eq!(answer.headers()["x-neptune-model"], "openai/gpt-4.1");
    let body: Value = answer.json().await.unwrap();
    assert_eq!((body["object"].as_str(), body["model"].as_str()), (Some("chat.completion"), Some("openai/gpt-4.1")));
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0);

    let models: Value = stack.get("/v1/models").send().await.unwrap().json().await.unwrap();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"auto") && ids.contains(&"meta/llama-3.3-70b"), "{ids:?}");

    let again =
        |key: &'static str| stack.post("/v1/chat/completions").header("idempotency-key", key).json(&request).send();
    let (first, second) = (again("same").await.unwrap(), again("same").await.unwrap());
    assert_eq!(first.headers()["x-neptune-task-id"], second.headers()["x-neptune-task-id"]);
    assert_eq!(first.json::<Value>().await.unwrap(), second.json::<Value>().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_publish_without_any_of_our_types_is_a_task_too() {
    let stack = Stack::start().await;
    let client = stack.nats.client().await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Neptune-Reply-To", inbox.as_str());
    let body = r#"{"input": {"messages": [{"role": "user", "content": "Translate into German: good morning"}]}}"#;
    let context = async_nats::jetstream::new(client);
    context
        .publish_with_headers("neptune.task.submitted.v1.support", headers, body.into())
        .await
        .unwrap()
        .await
        .unwrap();
    let answer = tokio::time::timeout(SOON, futures::StreamExt::next(&mut answers)).await.unwrap().unwrap();
    let fact: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(
        (fact["outcome"].as_str(), fact["origin"].as_str(), fact["task_type"].as_str()),
        (Some("completed"), Some("bus"), Some("translation"))
    );
    // The task had no id of its own; the one it got reads its result back.
    let path = format!("/v1/tasks/{}", fact["id"].as_str().unwrap());
    assert_eq!(stack.get(&path).send().await.unwrap().json::<Value>().await.unwrap()["id"], fact["id"]);
    let as_admin = stack.http().get(format!("{}{path}", stack.url)).bearer_auth(key(ADMIN).key).send().await.unwrap();
    assert_eq!(as_admin.status(), 200);
    let as_other =
        stack.http().get(format!("{}{path}", stack.url)).bearer_auth(key("poor00000001").key).send().await.unwrap();
    assert_eq!(as_other.status(), 404, "another team sees nothing");
    assert!(!stack.log("ingress").contains(&key(CALLER).key[..30]), "keys are never logged");
}
