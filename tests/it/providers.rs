//! Models in five wire formats, through the whole system.

use crate::support::{ask, facts, ledger_agrees, run};
use neptune_contracts::ids::TaskId;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};
use std::time::Duration;

const FORMATS: [(&str, &str); 5] =
    [("openai", "/v1"), ("azure", ""), ("anthropic", "/v1"), ("gemini", "/v1beta"), ("bedrock", "")];
/// Answers when a favourite fails.
const RESERVE: &str = "five/reserve";

fn price() -> Value {
    json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "cacheWriteUsdPerMtok": "2.5", "outputUsdPerMtok": "8"})
}

async fn declare(stack: &Stack, name: &str, (provider, below): (&str, &str), quality: f64) {
    let endpoint = format!("${{NEPTUNE_SIMULATOR_URL}}{below}");
    let spec = json!({
        "provider": provider, "endpoint": endpoint, "upstreamModel": name, "price": price(), "quality": {"default": quality},
        "speed": {"firstTokenMs": 5, "tokensPerSecond": 1000}, "timeoutMs": 5000
    });
    stack.apply(&[manifest("Model", name, spec)]).await;
    behave(stack, name, 0).await;
}

/// Charged as by its resource; its next calls fail.
async fn behave(stack: &Stack, name: &str, failures: u32) {
    let tokens = json!({"cachedShare": 0.3, "cacheWriteShare": 0.2, "reasoning": 4});
    stack
        .simulate(name, json!({"price": price(), "tokens": tokens, "failNext": failures, "failWith": "serverError"}))
        .await;
}

/// One model for each format, and a reserve.
async fn start() -> Stack {
    let stack = Stack::start().await;
    for format in FORMATS {
        declare(&stack, &format!("five/{}", format.0), format, 0.95).await;
    }
    declare(&stack, RESERVE, ("gemini", "/v1beta"), 0.5).await;
    stack
}

fn on(models: &[&str], text: &str) -> Value {
    let mut body = ask(text);
    body["constraints"] = json!({"models": models, "route": "auto:best"});
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn five_formats_answer_call_tools_fail_over_and_cost_what_is_charged() {
    let stack = start().await;
    let tool = json!({"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"part": {"type": "string"}}}}});
    let mut ids: Vec<TaskId> = Vec::new();
    for (provider, _) in FORMATS {
        let name = format!("five/{provider}");
        let said = run(&stack, on(&[&name], "Summarize: the pump in hall 3 leaks.")).await;
        assert_eq!(
            (&said["outcome"], &said["attempts"][0]["provider"]),
            (&json!("completed"), &json!(provider)),
            "{said}"
        );
        let mut call = on(&[&name], "Which part is it?");
        call["input"]["tools"] = json!([tool]);
        call["input"]["tool_choice"] = json!("required");
        let called = run(&stack, call).await;
        let function = &called["output"]["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(function["name"], "look_up", "{called}");
        // The favourite fails as its provider does, and another provider's model answers.
        behave(&stack, &name, 1).await;
        let over = run(&stack, on(&[&name, RESERVE], "Classify this ticket: leak or noise")).await;
        assert_eq!(
            (&over["attempts"][0]["error"]["class"], &over["attempts"][1]["model"]),
            (&json!("overload"), &json!(RESERVE)),
            "{over}"
        );
        ids.extend([&said, &called, &over].map(|fact| fact["id"].as_str().unwrap().parse::<TaskId>().unwrap()));
    }
    let facts = facts(&stack, &ids, Duration::from_secs(60)).await;
    ledger_agrees(&stack, &facts, Duration::from_secs(60)).await;
    let ours: i64 = facts.iter().map(|fact| fact.cost_usd.0).sum();
    let account: Value =
        stack.http().get(format!("{}/admin/account", stack.simulator_url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(account["total"]["cost_pico_usd"], ours.to_string(), "{account}");
}
