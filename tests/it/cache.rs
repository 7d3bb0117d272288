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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

/// An endpoint that gives questions about passwords one direction and all others another.
async fn embeddings() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut asked = vec![0; 65_536];
            let mut length = 0;
            while !String::from_utf8_lossy(&asked[..length]).contains("\"input\"") {
                length += connection.read(&mut asked[length..]).await.unwrap();
            }
            let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
            let vector = if asked.contains("password") { [1.0, 0.1, 0.0] } else { [0.0, 0.1, 1.0] };
            let body = json!({"data": [{"embedding": vector}]}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn other_words_are_found_by_their_vector_and_other_facts_refused() {
    let url = embeddings().await;
    let environment =
        [("NEPTUNE_ROUTER_EMBEDDINGS_URL", url.as_str()), ("NEPTUNE_ROUTER_EMBEDDINGS_MODEL", "own/embedder")];
    let stack = Stack::start_in("", &environment).await;
    let first = ask(&stack, CALLER, "near", &question("How do I reset my password for the scanner in hall 3?")).await;
    assert_eq!(first.cache, None);
    let in_other_words = question("My scanner in hall 3 does not let me sign on, as the password got lost");
    let refused = ask(&stack, CALLER, "near", &in_other_words).await;
    assert_eq!(refused.cache, None, "a negation differs");
    let in_other_words = question("lost password of my scanner in hall 3, what now?");
    let served = || async { ask(&stack, CALLER, "near", &in_other_words).await.cache.as_deref() == Some("near") };
    wait_until("the answer serves other words", SOON, served).await;
    let near = ask(&stack, CALLER, "near", &in_other_words).await;
    assert_eq!((near.text, near.cost.as_str()), (first.text, "0"));
    let elsewhere = ask(&stack, CALLER, "near", &question("lost password of my scanner in hall 4, what now?")).await;
    assert_eq!(elsewhere.cache, None, "a number differs");
    let other = ask(&stack, CALLER, "near", &question("opening hours of my scanner in hall 3, what now?")).await;
    assert_eq!(other.cache, None, "another meaning");
}
