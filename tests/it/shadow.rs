//! Copies of tasks through the whole system: governed, answered, compared, and unseen.

use crate::support::{SOON, run};
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

const SHADOW: &str = "anthropic/claude-haiku-4.5";

fn ticket(class: Option<&str>) -> Value {
    let mut constraints = json!({"route": "tickets"});
    if let Some(class) = class {
        constraints["class"] = json!(class);
    }
    json!({"input": {"messages": [{"role": "user", "content": "Summarize: the pump in hall 3 leaks."}]}, "constraints": constraints})
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_answered_and_compared_and_nobody_who_asked_hears_of_them() {
    let stack = Stack::start().await;
    let shadow = json!({"models": [SHADOW], "share": 1.0, "maxCostUsdPerDay": "5"});
    stack
        .apply(&[manifest("Route", "tickets", json!({"candidates": ["openai/gpt-4.1-mini"], "shadow": shadow}))])
        .await;
    let copied = || async {
        let fact = run(&stack, ticket(None)).await;
        fact["route"]["shadows"] == json!([SHADOW]) && fact["attempts"][0]["model"] == "openai/gpt-4.1-mini"
    };
    wait_until("the route is known", SOON, copied).await;
    let compared = "SELECT count(*) >= 1 FROM task AS copy JOIN task ON task.id = copy.shadow_of AND task.team = copy.team \
                    WHERE copy.origin = 'shadow' AND copy.model = 'anthropic/claude-haiku-4.5' AND copy.lane = 'batch' \
                    AND copy.answer_mark IS NOT NULL AND task.answer_mark IS NOT NULL AND copy.cost_pico_usd > 0";
    let ended = || async { stack.sql(compared) == "t" };
    wait_until("a copy is beside its task in the ledger", SOON, ended).await;

    // Sensitive data is not copied.
    let confidential = run(&stack, ticket(Some("confidential"))).await;
    assert_eq!(confidential["route"]["shadows"], Value::Null, "{confidential}");

    let told = stack.neptune(&["report", "routing", "--json"]).await;
    let report: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(report["shadows"][0]["model"], SHADOW, "{report}");
    assert!(report["shadows"][0]["compared"].as_u64().unwrap() >= 1, "{report}");
    assert!(report["rows"].as_array().unwrap().iter().all(|row| row["model"] != SHADOW), "{report}");
    let told = stack.neptune(&["report", "routing"]).await;
    assert!(String::from_utf8(told.stdout).unwrap().contains("Done unseen, beside what was served"));
}
