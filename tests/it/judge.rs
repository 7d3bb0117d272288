//! A sample of answers, judged through the whole system: governed, metered, learnt from, and unseen.

use crate::support::{SOON, run};
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

const MODEL: &str = "openai/gpt-4.1-mini";
const JUDGE: &str = "anthropic/claude-haiku-4.5";

fn ticket(class: &str) -> Value {
    let messages = json!([{"role": "user", "content": "Summarize: the pump in hall 3 leaks."}]);
    json!({"input": {"messages": messages}, "constraints": {"route": "tickets", "class": class}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_judged_and_paid_for_and_its_score_is_told() {
    let stack = Stack::start().await;
    stack.simulate(JUDGE, json!({"answer": r#"{"score": 0.25}"#})).await;
    let judge = json!({"model": JUDGE, "share": 0.2, "maxCostUsdPerDay": "5"});
    stack.apply(&[manifest("Route", "tickets", json!({"candidates": [MODEL], "judge": judge}))]).await;
    let drawn = std::sync::Mutex::new(Value::Null);
    let ask = || async {
        let fact = run(&stack, ticket("internal")).await;
        let is_drawn = fact["route"]["judged_by"] == JUDGE;
        *drawn.lock().unwrap() = fact;
        is_drawn
    };
    wait_until("one of five is drawn", 3 * SOON, ask).await;
    let fact = drawn.into_inner().unwrap();
    let id = fact["id"].as_str().unwrap();
    assert_eq!(fact["attempts"][0]["model"], MODEL, "{fact}");

    let paid = format!(
        "SELECT count(*) = 1 FROM task WHERE origin = 'shadow' AND team = 'support' AND model = '{JUDGE}' AND lane = 'batch' \
         AND cost_pico_usd > 0 AND shadow_of IS NULL AND fact #>> '{{metadata,judge_of}}' = '{id}'"
    );
    wait_until("the judgement is in the ledger", SOON, async || stack.sql(&paid) == "t").await;
    let told = async || {
        let shown = stack.neptune(&["task", "show", id]).await;
        String::from_utf8(shown.stdout).unwrap().contains("quality   0.25 by judge at ")
    };
    wait_until("the score is told", SOON, told).await;
    let explained = stack.neptune(&["explain", id]).await;
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains(&format!("It was drawn for {JUDGE} to judge its answer")), "{explained}");

    // What is confidential is not judged, however often it is asked.
    for _ in 0..20 {
        let fact = run(&stack, ticket("confidential")).await;
        assert_eq!(fact["route"]["judged_by"], Value::Null, "{fact}");
    }
}
