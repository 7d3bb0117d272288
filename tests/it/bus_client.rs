//! A team's own program on the bus: what it may say, what it is told, and how it tries again.

use crate::support::SOON;
use futures::StreamExt as _;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::Duration;

const SUBJECT: &str = "neptune.task.submitted.v1.support";

struct Program {
    context: async_nats::jetstream::Context,
    inbox: String,
    answers: async_nats::Subscriber,
}

impl Program {
    async fn start(stack: &Stack) -> Self {
        let client = stack.nats.client().await;
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await.unwrap();
        Self { context: async_nats::jetstream::new(client), inbox, answers }
    }

    /// Publishes a task; true when the broker took it for a repeat.
    async fn publish(&self, body: &Value, message_id: &str) -> bool {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Neptune-Reply-To", self.inbox.as_str());
        headers.insert("Nats-Msg-Id", message_id);
        let published = self.context.publish_with_headers(SUBJECT, headers, body.to_string().into());
        published.await.unwrap().await.unwrap().duplicate
    }

    async fn answer(&mut self) -> Value {
        let answer = tokio::time::timeout(SOON, self.answers.next()).await.expect("an answer in time").unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }
}

fn hello() -> Value {
    json!({"input": {"messages": [{"role": "user", "content": "hello"}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_misspells_or_claims_is_told_and_not_recorded() {
    let stack = Stack::start().await;
    let mut program = Program::start(&stack).await;
    let mut body = hello();
    body["key"] = json!("somebodyelse");
    body["constraints"] = json!({"max_cost": "0.000001", "lane": "realtime"});
    assert!(!program.publish(&body, "first").await);
    let fact = program.answer().await;
    let fields: Vec<&str> =
        fact["warnings"].as_array().unwrap().iter().map(|warning| warning["field"].as_str().unwrap()).collect();
    assert_eq!(
        (&fact["outcome"], &fact["key"], fields),
        (&json!("completed"), &Value::Null, vec!["constraints.max_cost", "key"])
    );
    let id = fact["id"].as_str().unwrap();
    let stored: Value = stack.get(&format!("/v1/tasks/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(stored["warnings"], fact["warnings"]);
    let in_ledger = || async { stack.sql("SELECT count(*) FROM task") == "1" };
    neptune_testkit::wait_until("the ledger has it", SOON, in_ledger).await;
    assert_eq!(stack.sql("SELECT origin || ' ' || coalesce(key_id, 'no key') FROM task"), "bus no key");
    let shown = stack.neptune(&["task", "show", id]).await;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("\nwarning   constraints.max_cost: no such field, so it was ignored"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refusal_only_a_new_id_is_another_try() {
    let stack = Stack::start().await;
    let mut program = Program::start(&stack).await;
    let mut body = hello();
    body["id"] = json!("0199f2aa-0000-7000-8000-000000000017");
    body["constraints"] = json!({"max_cost_usd": "0.00000001"});
    assert!(!program.publish(&body, "ticket-17").await);
    let refused = program.answer().await;
    assert_eq!(refused["error"]["code"], "cost_limit_reached", "{refused}");
    assert_eq!(refused["error"]["problems"][0]["field"], "constraints.max_cost_usd", "{refused}");

    body["constraints"] = json!({});
    assert!(program.publish(&body, "ticket-17").await, "the broker says that it is a repeat");
    let silence = tokio::time::timeout(Duration::from_millis(500), program.answers.next()).await;
    assert!(silence.is_err(), "and nobody answers");
    assert!(!program.publish(&body, "ticket-17.2").await);
    assert_eq!(program.answer().await, refused, "the same id is the same task, which has ended");
    body["id"] = json!("0199f2aa-0000-7000-8000-000000000018");
    assert!(!program.publish(&body, "ticket-17.3").await);
    assert_eq!(program.answer().await["outcome"], "completed");
}
