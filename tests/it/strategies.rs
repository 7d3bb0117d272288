//! Several models for one task: by cascade, hedge and ensemble, paid to the pico.

use crate::support::{SOON, ask, facts, ledger_agrees, run};
use neptune_contracts::{PicoUsd, finished::TaskFinished, ids::TaskId, resource::Manifest};
use neptune_testkit::wait_until;
use neptune_tests::{
    resources::{manifest, model},
    stack::Stack,
};
use serde_json::{Value, json};

const CHEAP: &str = "openai/gpt-4.1-mini";
const STRONG: &str = "openai/gpt-4.1";
const JUDGE: &str = "anthropic/claude-haiku-4.5";

/// A whole system with this route, whose models the simulator charges for as the resources say.
async fn stack(route: Value) -> Stack {
    let stack = Stack::start().await;
    stack.apply(&[manifest("Route", "combined", route)]).await;
    for (name, input, output) in [(CHEAP, "0.4", "1.6"), (STRONG, "2", "8"), (JUDGE, "1", "5")] {
        simulate(&stack, name, (input, output), json!({})).await;
    }
    stack
}

async fn simulate(stack: &Stack, name: &str, (input, output): (&str, &str), mut behaviour: Value) {
    behaviour["price"] = json!({"inputUsdPerMtok": input, "outputUsdPerMtok": output});
    stack.simulate(name, behaviour).await;
}

fn question(output: Value) -> Value {
    let mut body = ask("How many pumps leak in hall 3? Answer as JSON.");
    body["constraints"] = json!({"route": "combined"});
    body["output"] = output;
    body
}

/// The fact as the ledger and the simulator must have it too: every call that was answered is paid
/// as the simulator charges it; what was called off is estimated and comes on top.
async fn settled(stack: &Stack, fact: &Value) -> TaskFinished {
    let id: TaskId = serde_json::from_value(fact["id"].clone()).unwrap();
    let known = facts(stack, &[id], SOON).await;
    ledger_agrees(stack, &known, SOON).await;
    let fact = known.into_iter().next().unwrap();
    let counted = fact.attempts.iter().filter(|attempt| !attempt.estimated);
    let exact: PicoUsd = counted.map(|attempt| attempt.cost_usd).sum();
    assert_eq!(stack.account().await["total"]["cost_pico_usd"], exact.0.to_string(), "{fact:?}");
    assert_eq!(fact.cost_usd, fact.attempts.iter().map(|attempt| attempt.cost_usd).sum());
    fact
}

fn schema() -> Value {
    json!({"schema": {"type": "object", "required": ["leaking"], "properties": {"leaking": {"type": "integer"}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_asks_the_strong_model_only_where_the_checks_refuse() {
    let candidates = [CHEAP, STRONG];
    let stack = stack(json!({"strategy": "cascade", "candidates": candidates})).await;
    let fact = run(&stack, question(schema())).await;
    assert_eq!(fact["route"]["strategy"]["kind"], "cascade", "{fact}");
    let fact = settled(&stack, &fact).await;
    assert_eq!((fact.winner().unwrap().model.as_str(), fact.attempts.len()), (CHEAP, 1));

    simulate(&stack, CHEAP, ("0.4", "1.6"), json!({"answer": "Three of them leak."})).await;
    let refused = run(&stack, question(schema())).await;
    let models: Vec<&str> =
        refused["attempts"].as_array().unwrap().iter().map(|attempt| attempt["model"].as_str().unwrap()).collect();
    assert_eq!(models, candidates, "{refused}");
    assert_eq!(refused["attempts"][0]["validation"]["passed"], false);
    assert!(refused["output"]["choices"][0]["message"]["content"].as_str().unwrap().contains("leaking"));
    let shown = stack.neptune(&["explain", refused["id"].as_str().unwrap()]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    for part in ["Strategy cascade: openai/gpt-4.1-mini first", "not as asked: the answer is not JSON"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_is_repaired_and_wrong_json_told() {
    let stack = stack(json!({"candidates": [STRONG], "maxAttempts": 1})).await;
    let broken = json!({"answer": "Here you are: ```json\n{'leaking': 3,}\n```"});
    simulate(&stack, STRONG, ("2", "8"), broken).await;
    let fact = run(&stack, question(schema())).await;
    let fact = settled(&stack, &fact).await;
    assert_eq!((fact.text(), fact.attempts.len()), (Some(r#"{"leaking":3}"#), 1));
    assert!(fact.attempts[0].validation.as_ref().unwrap().repaired);

    simulate(&stack, STRONG, ("2", "8"), json!({"answer": "{\"leaking\": \"three\"}"})).await;
    let failed = run(&stack, question(schema())).await;
    assert_eq!(
        (&failed["outcome"], &failed["error"]["code"]),
        (&json!("failed"), &json!("output_invalid")),
        "{failed}"
    );
    assert_eq!(failed["attempts"][1]["purpose"], "re_ask");
    assert_eq!(failed["output"]["choices"][0]["message"]["content"], "{\"leaking\": \"three\"}");
    let refused = stack.post("/v1/tasks").json(&question(json!({"schema": {"type": "objekt"}}))).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("output.schema"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hedge_is_won_by_the_second_and_the_first_is_called_off() {
    let stack = stack(json!({"strategy": "hedge", "hedge": {"delayMs": 150}, "candidates": [CHEAP, STRONG]})).await;
    let mut usual = ask("What is a pump?");
    usual["constraints"] = json!({"route": "combined"});
    let favourite = run(&stack, usual.clone()).await;
    let first = favourite["attempts"][0]["model"].as_str().unwrap().to_owned();
    assert_eq!(favourite["attempts"].as_array().unwrap().len(), 1, "{favourite}");
    let prices = if first == CHEAP { ("0.4", "1.6") } else { ("2", "8") };
    simulate(&stack, &first, prices, json!({"latency": {"fixedMs": 4_000.0}})).await;
    let fact = run(&stack, usual).await;
    let id: TaskId = serde_json::from_value(fact["id"].clone()).unwrap();
    let fact = facts(&stack, &[id], SOON).await.remove(0);
    let [late, winner] = fact.attempts.as_slice() else { panic!("{fact:?}") };
    assert_eq!((late.model.as_str(), late.error.as_ref().unwrap().class.as_str()), (first.as_str(), "cancelled"));
    assert!(late.estimated && winner.serves() && fact.winner() == Some(winner));
    assert!(fact.times.finished_at.micros_since(fact.times.submitted_at) < 4_000_000);
    // The provider sees its caller go.
    let gone = || async { stack.account().await["total"]["abandoned"] == 1 };
    wait_until("the late call is cut", SOON, gone).await;
    let total = stack.account().await["total"]["cost_pico_usd"].as_str().unwrap().parse::<i64>().unwrap();
    let usual_cost: PicoUsd = favourite["cost_usd"].as_str().unwrap().parse().unwrap();
    assert_eq!(total, usual_cost.0 + winner.cost_usd.0, "the winner is paid exactly");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ensemble_is_combined_by_majority_or_by_its_judge() {
    let ensemble =
        |combine: Value| json!({"strategy": "ensemble", "candidates": [CHEAP, STRONG, JUDGE], "ensemble": combine});
    let stack = stack(ensemble(json!({"models": 3}))).await;
    for (name, prices, answer) in
        [(STRONG, ("2", "8"), "bug"), (CHEAP, ("0.4", "1.6"), "Billing"), (JUDGE, ("1", "5"), "billing.")]
    {
        simulate(&stack, name, prices, json!({"answer": answer})).await;
    }
    let mut body = ask("Classify this ticket as one of the following: bug, billing");
    body["constraints"] = json!({"route": "combined"});
    let fact = run(&stack, body.clone()).await;
    let fact = settled(&stack, &fact).await;
    assert_eq!((fact.text(), fact.attempts.len()), (Some("billing."), 3), "the better of the two that agree");

    let judged: Manifest =
        manifest("Route", "combined", ensemble(json!({"models": 2, "combine": "judge", "judge": JUDGE})));
    stack.apply(&[judged]).await;
    stack.apply(&[model(JUDGE, "external", ("1", "5"), 0.2)]).await;
    simulate(&stack, JUDGE, ("1", "5"), json!({"answer": "{\"best\": 2}"})).await;
    let judged = || async { run(&stack, body.clone()).await["attempts"][2]["purpose"] == "judge" };
    wait_until("the route is in force", SOON, judged).await;
    let fact = run(&stack, body.clone()).await;
    assert_eq!(fact["output"]["choices"][0]["message"]["content"], "Billing", "{fact}");
    assert_eq!(fact["output"]["model"], CHEAP);
    simulate(&stack, JUDGE, ("1", "5"), json!({"faults": {"serverError": 1.0}})).await;
    let fact = run(&stack, body).await;
    assert_eq!(fact["output"]["choices"][0]["message"]["content"], "bug", "{fact}");
    assert_eq!(fact["attempts"][2]["error"]["class"], "overload");
}
