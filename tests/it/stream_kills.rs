//! The executor, and then the ingress, killed (-9) in the middle of a streamed answer.

use crate::support::{SOON, facts, ledger_agrees};
use neptune_contracts::{
    attempt::LOST,
    finished::{Outcome, TaskFinished},
    ids::TaskId,
};
use neptune_testkit::wait_until;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "openai/gpt-4.1";
/// Longer than a task takes that is handed out again after a crash.
const LONG: Duration = Duration::from_secs(60);

fn request(is_streamed: bool) -> Value {
    let messages = json!([{"role": "user", "content": "What is a pump, and what are its parts?"}]);
    json!({"model": MODEL, "messages": messages, "stream": is_streamed})
}

fn id(answer: &reqwest::Response) -> TaskId {
    answer.headers()["x-neptune-task-id"].to_str().unwrap().parse().unwrap()
}

/// A streamed answer as far as it was read.
struct Stream {
    answer: reqwest::Response,
    task: TaskId,
    text: String,
}

impl Stream {
    async fn begin(stack: &Stack, key: &str) -> Self {
        let sent = stack.post("/v1/chat/completions").header("idempotency-key", key).json(&request(true)).send();
        let answer = sent.await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { task: id(&answer), answer, text: String::new() }
    }

    /// The events so far.
    fn events(&self) -> Vec<Value> {
        let data = self.text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into())).collect()
    }

    fn said(&self) -> String {
        self.events().iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
    }

    async fn until_something_is_said(&mut self) {
        while self.said().is_empty() {
            let bytes = self.answer.chunk().await.unwrap().expect("the answer goes on");
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Reads the rest; whether it came to its end.
    async fn drain(&mut self) -> bool {
        loop {
            match self.answer.chunk().await {
                Ok(Some(bytes)) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

/// A stack on which a model speaks slowly, what it says to [`request`], and the task by which that is known.
async fn start() -> (Stack, String, TaskId) {
    let stack = Stack::start().await;
    let answer = stack.post("/v1/chat/completions").json(&request(false)).send().await.unwrap();
    let first = id(&answer);
    let whole: Value = answer.json().await.unwrap();
    let whole = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    stack.simulate(MODEL, json!({"perOutputTokenMs": 150})).await;
    (stack, whole, first)
}

async fn fact(stack: &Stack, task: TaskId) -> TaskFinished {
    facts(stack, &[task], LONG).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_executor_that_is_killed_the_stream_ends_with_an_error_and_the_call_is_not_made_again() {
    let (mut stack, whole, first) = start().await;
    let mut stream = Stream::begin(&stack, "killed").await;
    stream.until_something_is_said().await;
    let team = "support".parse().unwrap();
    // Word of the first piece is left a moment after it was passed on.
    let known = || async {
        let note: Option<Value> = stack.bus.noted((&team, stream.task)).await.unwrap();
        note.is_some_and(|note| note["begun"][0]["attempt"]["chunks"].as_u64() > Some(0))
    };
    wait_until("it is known that pieces were passed on", SOON, known).await;
    stack.kill("executor");
    stack.restart("executor");
    assert!(stream.drain().await, "{}", stream.text);
    let error = stream.events().last().unwrap()["error"].clone();
    assert_eq!((&error["code"], &error["type"]), (&json!("stream_interrupted"), &json!("upstream_error")), "{error}");
    assert!(
        !stream.said().is_empty() && stream.said() != whole && whole.starts_with(&stream.said()),
        "{}",
        stream.text
    );
    let fact = fact(&stack, stream.task).await;
    assert_eq!((fact.outcome, fact.error.as_ref().unwrap().code.as_str()), (Outcome::Failed, "stream_interrupted"));
    let [attempt] = fact.attempts.as_slice() else { panic!("{fact:?}") };
    assert_eq!((attempt.purpose.as_deref(), attempt.estimated), (Some(LOST), true), "{attempt:?}");
    assert!(attempt.chunks > 0 && attempt.usage.output > 0 && fact.cost_usd.0 > 0, "{attempt:?}");
    assert_eq!(stack.account().await["models"][MODEL]["calls"], 2, "the first task's call and this one");
    // Whoever asks again under the same key is told the same, and nothing is paid twice.
    let again = stack.post("/v1/chat/completions").header("idempotency-key", "killed").json(&request(true)).send();
    let again = again.await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["error"]["code"], "stream_interrupted");
    let both = facts(&stack, &[first, stream.task], SOON).await;
    ledger_agrees(&stack, &both, LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_ingress_that_is_killed_the_task_goes_on_and_a_repeat_gets_the_whole_answer() {
    let (mut stack, whole, first) = start().await;
    let mut stream = Stream::begin(&stack, "cut").await;
    stream.until_something_is_said().await;
    stack.kill("ingress");
    assert!(!stream.drain().await, "the connection breaks, and no end is made up: {}", stream.text);
    assert!(whole.starts_with(&stream.said()) && !stream.text.contains("[DONE]"), "{}", stream.text);
    stack.restart("ingress");
    stack.ready().await;
    let fact = fact(&stack, stream.task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some(whole.as_str()), 1));
    assert!(!fact.attempts[0].estimated, "{fact:?}");
    let mut again = Stream::begin(&stack, "cut").await;
    assert!(again.drain().await);
    assert_eq!((again.task, again.said()), (stream.task, whole));
    assert_eq!(again.events().last().unwrap(), "[DONE]");
    assert_eq!(stack.account().await["models"][MODEL]["calls"], 2, "the first task's call and this one");
    let both = facts(&stack, &[first, stream.task], SOON).await;
    ledger_agrees(&stack, &both, LONG).await;
}
