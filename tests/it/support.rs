//! What several tests need.

use neptune_contracts::ids::TaskId;
use neptune_testkit::wait_until;
use neptune_tests::stack::Stack;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Submits a task and waits for its fact.
pub(crate) async fn run(stack: &Stack, body: Value) -> Value {
    let answer = stack.post("/v1/tasks?wait=60").json(&body).send().await.unwrap();
    let status = answer.status();
    let fact: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{fact}");
    fact
}

pub(crate) fn ask(text: &str) -> Value {
    json!({"input": {"messages": [{"role": "user", "content": text}]}})
}

/// Submits without waiting, again and again until it is accepted, as a client does. The id makes a
/// repeat the same task.
pub(crate) async fn submit(stack: &Stack, text: &str) -> TaskId {
    let id = TaskId::mint();
    let mut body = ask(text);
    body["id"] = json!(id);
    let accepted = || async {
        let sent = stack.post("/v1/tasks").json(&body).timeout(Duration::from_secs(5)).send().await;
        sent.is_ok_and(|answer| answer.status() == 202)
    };
    wait_until("a task is accepted", Duration::from_secs(60), accepted).await;
    id
}

/// Waits until every task has its fact, and returns the facts.
pub(crate) async fn facts(
    stack: &Stack,
    ids: &[TaskId],
    patience: Duration,
) -> Vec<neptune_contracts::finished::TaskFinished> {
    let team = "support".parse().unwrap();
    let deadline = tokio::time::Instant::now() + patience;
    let mut facts = Vec::new();
    for id in ids {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now()).max(Duration::from_secs(1));
        let ended = || async { stack.bus.result(&team, *id).await.is_ok_and(|found| found.is_some()) };
        wait_until(&format!("task {id} ends"), left, ended).await;
        facts.push(stack.bus.result(&team, *id).await.unwrap().unwrap());
    }
    facts
}

/// Waits until the ledger has caught up with the facts, then compares it with them to the pico.
pub(crate) async fn ledger_agrees(
    stack: &Stack,
    facts: &[neptune_contracts::finished::TaskFinished],
    patience: Duration,
) {
    let tasks = facts.len().to_string();
    let caught_up = || async { stack.sql("SELECT count(*) FROM task") == tasks };
    wait_until("the ledger has every task", patience, caught_up).await;
    let facts_total: i64 = facts.iter().flat_map(|fact| &fact.attempts).map(|attempt| attempt.cost_usd.0).sum();
    let attempts: usize = facts.iter().map(|fact| fact.attempts.len()).sum();
    assert_eq!(
        stack.sql("SELECT coalesce(sum(amount_pico_usd), 0)::text FROM ledger_entry WHERE kind = 2"),
        facts_total.to_string()
    );
    assert_eq!(stack.sql("SELECT count(*) FROM ledger_entry WHERE kind = 2"), attempts.to_string());
    assert_eq!(
        stack.sql(
            "SELECT count(*) FROM (SELECT entry_key, kind FROM ledger_entry GROUP BY 1, 2 HAVING count(*) > 1) twice"
        ),
        "0"
    );
}
