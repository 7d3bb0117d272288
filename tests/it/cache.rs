//! Answers that serve again: only where it is asked for, only within a team, and never for another
//! question.

use crate::support::SOON;
use neptune_testkit::wait_until;
use neptune_tests::{
    keys::key,
    resources::{CALLER, manifest},
    stack::Stack,
};
use serde_json::{Value, json};

struct Answer {
    text: String,
    cache: Option<String>,
    cost: String,
}

async fn ask(stack: &Stack, who: &str, mode: &str, request: &Value) -> Answer {
    let url = format!("{}/v1/chat/completions", stack.url);
    let mut sending = stack.http().post(url).bearer_auth(key(who).key).json(request);
    if !mode.is_empty() {
        sending = sending.header("x-neptune-cache", mode);
    }
    let answer = sending.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (cache, cost) = (header("x-neptune-cache"), header("x-neptune-cost-usd").unwrap());
    let body: Value = answer.json().await.unwrap();
    Answer { text: body["choices"][0]["message"]["content"].as_str().unwrap().to_owned(), cache, cost }
}

fn question(text: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": text}]})
}

async fn calls(stack: &Stack) -> u64 {
    stack.account().await["total"]["calls"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_serves_again_where_it_is_asked_for() {
    let stack = Stack::start().await;
    let reset = question("How do I reset my password for the scanner in hall 3?");
    let first = ask(&stack, CALLER, "near", &reset).await;
    assert_eq!(first.cache, None);
    assert_ne!(first.cost, "0");
    let before = calls(&stack).await;

    // What was asked is written down after it was routed, so the very next may come too early.
    let served = || async { ask(&stack, CALLER, "exact", &reset).await.cache.as_deref() == Some("exact") };
    wait_until("the answer serves", SOON, served).await;
    let again = ask(&stack, CALLER, "exact", &reset).await;
    assert_eq!((again.cache.as_deref(), again.cost.as_str()), (Some("exact"), "0"));
    assert_eq!(again.text, first.text);
    let alike = question("how can I reset my password for the scanner in hall 3, please");
    let near = ask(&stack, CALLER, "near", &alike).await;
    assert_eq!((near.cache.as_deref(), near.cost.as_str()), (Some("near"), "0"));
    assert_eq!(near.text, first.text);
    assert!(calls(&stack).await <= before + 1, "answers from the cache call no model");

    for (who, mode, request) in [
        (CALLER, "", &reset),
        (CALLER, "off", &reset),
        (CALLER, "exact", &alike),
        (CALLER, "near", &question("How do I reset my password for the scanner in hall 4?")),
        (CALLER, "near", &question("How do I not reset my password for the scanner in hall 3?")),
        (CALLER, "near", &json!({"model": "auto", "messages": reset["messages"], "temperature": 0.5})),
        (CALLER, "near", &json!({"model": "auto:best", "messages": reset["messages"]})),
        ("other0000001", "near", &reset),
    ] {
        let answer = ask(&stack, who, mode, request).await;
        assert_eq!(answer.cache, None, "{who} {mode:?} {request}");
    }
    let saved = "SELECT count(*) >= 3 FROM ledger_entry WHERE kind = 5 AND saved_pico_usd > 0";
    let served = || async { stack.sql(saved) == "t" };
    wait_until("the ledger says what was saved", SOON, served).await;
    let told = stack.neptune(&["cost"]).await;
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("the cache answered") && told.contains("and saved $0.0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_turns_it_on_for_its_tasks_and_redis_may_be_away() {
    let mut stack = Stack::start().await;
    stack.apply(&[manifest("Route", "faq", json!({"cache": {"mode": "near", "ttlSeconds": 2}}))]).await;
    let request = json!({"model": "faq", "messages": [{"role": "user", "content": "When does the canteen open?"}]});
    let known = || async {
        let url = format!("{}/v1/chat/completions", stack.url);
        stack.http().post(url).bearer_auth(key(CALLER).key).json(&request).send().await.unwrap().status() == 200
    };
    wait_until("the route is known", SOON, known).await;
    let served = || async { ask(&stack, CALLER, "", &request).await.cache.is_some() };
    wait_until("the answer serves", SOON, served).await;
    let too_old = || async { ask(&stack, CALLER, "", &request).await.cache.is_none() };
    wait_until("the answer is too old", SOON, too_old).await;
    stack.redis.kill().await;
    let answer = ask(&stack, CALLER, "near", &request).await;
    assert_eq!(answer.cache, None);
}
