//! The sample workflows through the whole system, from a file of the project to its end.

use crate::support::SOON;
use neptune_testkit::wait_until;
use neptune_tests::{keys::key, resources::CALLER, stack::Stack};
use serde_json::{Value, json};
use std::path::Path;

const CARD: &str = "4111 1111 1111 1111";

/// The run that a request begins, once it has ended.
async fn run(stack: &Stack, workflow: &str, input: &Value) -> Value {
    let body = json!({"workflow": workflow, "input": input});
    let answer = stack.post("/v1/runs?wait=60").json(&body).send().await.unwrap();
    let status = answer.status();
    let view: Value = answer.json().await.unwrap();
    assert!(status == 200 && view["state"] == "completed", "{workflow}: {status} {view:#}");
    view
}

async fn applied(stack: &Stack) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/resources/workflows");
    let applied = stack.neptune(&["apply", "-f", folder.to_str().unwrap()]).await;
    assert!(applied.status.success(), "{applied:?}");
    let known = || async {
        let body = json!({"workflow": "support/triage-ticket", "input": {}});
        let refused: Value = stack.post("/v1/runs").json(&body).send().await.unwrap().json().await.unwrap();
        refused["problems"][0]["field"] == "input"
    };
    wait_until("the ingress knows the workflows", SOON, known).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_carried_to_its_end() {
    let stack = Stack::start_in("", &[("NEPTUNE_EXECUTOR_RUN_HOSTS", "127.0.0.1")]).await;
    applied(&stack).await;

    // What breaks the input's schema is refused, and says where and how.
    let bad = json!({"workflow": "support/triage-ticket", "input": {"ticketId": "T-1", "customer": 7, "body": "x"}});
    let refused = stack.post("/v1/runs").json(&bad).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["problems"][0]["field"], "input.customer", "{refused}");
    assert!(refused["problems"][0]["message"].as_str().unwrap().contains("string"), "{refused}");

    let body = format!("I am ada@example.org. The billing of my card {CARD} failed: it was charged twice.");
    let hook = format!("{}/hook/triage", stack.sink_url);
    let ticket = json!({"ticketId": "T-1", "customer": "acme", "body": body, "hook": hook});
    let view = run(&stack, "support/triage-ticket", &ticket).await;
    assert_eq!(view["output"], json!({"ticket": "T-1", "label": "billing", "delivered": 2}), "{view:#}");
    // Nothing sensitive reached a model or a receiver, though the run began with it; and each model's task was
    // of the class of what was left.
    wait_until("it is told", SOON, || async { stack.hooks().await.len() == 1 }).await;
    let told = stack.hooks().await[0].to_string();
    assert!(!told.contains("4111") && !told.contains("ada@example.org"), "{told}");
    let notes = || view["steps"].as_array().unwrap().iter().filter_map(|step| step.get("note"));
    let redacted = notes().find(|note| note["findings"].is_array()).unwrap();
    assert_eq!((&redacted["class"], &redacted["lowered_to"]), (&json!("restricted"), &json!("internal")), "{redacted}");
    let classes: Vec<&Value> = notes().filter(|note| note["task"].is_string()).map(|note| &note["class"]).collect();
    assert!(classes.len() >= 5 && classes.iter().all(|class| **class == "internal"), "{classes:?}");

    let invoice = json!({"text": "Invoice INV-20931 of 3 November 2026 over EUR 348.00"});
    let view = run(&stack, "documents/extraction", &invoice).await;
    assert!(view["output"]["total"].is_number() && view["output"]["date"].is_string(), "{view:#}");

    let source = json!({"source": format!("{}/hooks", stack.sink_url)});
    let view = run(&stack, "reports/nightly-digest", &source).await;
    assert_eq!(view["output"]["delivered"], true, "{view:#}");

    report(&stack).await;
}

/// The sample that waits for a person.
async fn report(stack: &Stack) {
    let input = json!({"question": "How do pumps fail?", "reader": "reader@support.example"});
    let body = json!({"workflow": "research/report", "input": input});
    let begun: Value = stack.post("/v1/runs").json(&body).send().await.unwrap().json().await.unwrap();
    let id = begun["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/runs/{id}");
    let view = || async { stack.get(&path).send().await.unwrap().json::<Value>().await.unwrap() };
    let asks = || async { view().await.to_string().contains("waits for approval") };
    wait_until("it asks for an approval", SOON, asks).await;
    let key = key(CALLER).key;
    let variables = [("NEPTUNE_URL", stack.url.as_str()), ("NEPTUNE_API_KEY", key.as_str())];
    let told = stack.neptune_with(&variables, &["run", "signal", &id, "--approve", "--by", "ann"]).await;
    assert!(told.status.success(), "{told:?}");
    wait_until("it has ended", SOON, || async { view().await["ended_at"].is_string() }).await;
    let view = view().await;
    assert!(view["state"] == "completed" && view["output"]["delivered"] == true, "{view:#}");
}
