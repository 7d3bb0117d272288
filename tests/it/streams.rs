//! Chat completions in pieces, through the whole system.

use crate::support::SOON;
use neptune_contracts::finished::Outcome;
use neptune_testkit::wait_until;
use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

const FAVOURITE: &str = "openai/gpt-4.1";
const RESERVE: &str = "meta/llama-3.3-70b";

fn request(change: impl FnOnce(&mut Value)) -> Value {
    let mut request = json!({
        "model": FAVOURITE, "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "What is a pump, and what are its parts?"}],
    });
    change(&mut request);
    request
}

/// The events of an answer, `[DONE]` as a string.
fn events(body: &str) -> Vec<Value> {
    let data = body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into())).collect()
}

fn said(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

async fn streamed(stack: &Stack, request: &Value) -> Vec<Value> {
    let answer = stack.post("/v1/chat/completions").json(request).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(answer.headers().contains_key("x-neptune-task-id"));
    events(&answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_come_as_openais_clients_expect_and_are_paid_like_the_whole() {
    let stack = Stack::start().await;
    let mut whole = request(|_| {});
    whole.as_object_mut().unwrap().retain(|field, _| !field.starts_with("stream"));
    let whole: Value = stack.post("/v1/chat/completions").json(&whole).send().await.unwrap().json().await.unwrap();
    let events = streamed(&stack, &request(|_| {})).await;

    assert_eq!(said(&events), whole["choices"][0]["message"]["content"].as_str().unwrap());
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert!(events.len() > 10, "{events:?}");
    let [pieces @ .., usage, done] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(done, "[DONE]");
    for piece in pieces {
        assert_eq!(
            (piece["object"].as_str(), piece["model"].as_str()),
            (Some("chat.completion.chunk"), Some(FAVOURITE))
        );
        assert_eq!(piece.get("usage"), Some(&Value::Null));
    }
    assert_eq!(pieces.last().unwrap()["choices"][0]["finish_reason"], "stop");
    for counted in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage["usage"][counted], whole["usage"][counted], "{counted}");
    }
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["neptune"]["cost_usd"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);

    let tools = request(|request| {
        request["tools"] = json!([{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {"part": {"type": "string"}}}}}]);
        request["tool_choice"] = json!("required");
        request.as_object_mut().unwrap().remove("stream_options");
    });
    let events = streamed(&stack, &tools).await;
    let call = &events[0]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!((call["index"].as_u64(), call["function"]["name"].as_str()), (Some(0), Some("find")));
    let arguments: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert!(serde_json::from_str::<Value>(&arguments).unwrap().is_object());
    assert!(events.iter().all(|event| event.get("usage").is_none()), "nobody asked for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_unseen_before_the_first_piece_and_told_after_it() {
    let stack = Stack::start().await;
    let best = request(|request| request["model"] = json!("auto:best"));
    // A model that fails before it says anything is passed over.
    stack.simulate(FAVOURITE, json!({"faults": {"cut": 1.0, "breaksAfter": 0}})).await;
    let passed = streamed(&stack, &best).await;
    assert_eq!(passed.last().unwrap(), "[DONE]", "{passed:?}");
    assert!(passed[0]["model"] != FAVOURITE, "{passed:?}");
    // One that fails in the middle ends the stream with an error that names what to do.
    for faults in [json!({"cut": 1.0, "breaksAfter": 4}), json!({"malformed": 1.0, "breaksAfter": 4})] {
        for model in [FAVOURITE, "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", RESERVE] {
            stack.simulate(model, json!({"faults": faults})).await;
        }
        let answer = stack.post("/v1/chat/completions").json(&best).send().await.unwrap();
        let task = answer.headers()["x-neptune-task-id"].to_str().unwrap().to_owned();
        let events = events(&answer.text().await.unwrap());
        let error = &events.last().unwrap_or_else(|| panic!("nothing for {task}: {faults}"))["error"];
        assert_eq!(
            (error["code"].as_str(), error["type"].as_str()),
            (Some("stream_interrupted"), Some("upstream_error"))
        );
        assert!(!said(&events).is_empty());
        let fact: Value = stack.get(&format!("/v1/tasks/{task}")).send().await.unwrap().json().await.unwrap();
        let attempts = fact["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), attempts[0]["estimated"].as_bool()), (1, Some(true)), "{fact}");
    }
    // When nobody answers at all there is still a status to say so.
    for model in [FAVOURITE, "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", RESERVE] {
        stack.simulate(model, json!({"faults": {"serverError": 1.0}})).await;
    }
    let answer = stack.post("/v1/chat/completions").json(&best).send().await.unwrap();
    assert!(answer.status().is_server_error(), "{}", answer.status());
    let refused = request(|request| request["model"] = json!("no/such-model"));
    let answer = stack.post("/v1/chat/completions").json(&refused).send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_cancels_its_task() {
    let stack = Stack::start().await;
    stack.simulate(FAVOURITE, json!({"perOutputTokenMs": 200})).await;
    let mut answer = stack.post("/v1/chat/completions").json(&request(|_| {})).send().await.unwrap();
    let task = answer.headers()["x-neptune-task-id"].to_str().unwrap().parse().unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    drop(answer);
    let team = "support".parse().unwrap();
    let ended = || async { stack.bus.result(&team, task).await.unwrap().is_some() };
    wait_until("the task ends", SOON, ended).await;
    let fact = stack.bus.result(&team, task).await.unwrap().unwrap();
    assert_eq!(fact.outcome, Outcome::Cancelled, "{fact:?}");
    assert!(fact.attempts[0].estimated && fact.attempts[0].chunks > 0, "{fact:?}");
    wait_until("the call was cut", SOON, || async { stack.account().await.to_string().contains("\"abandoned\":1") })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_task_can_be_cancelled() {
    let stack = Stack::start().await;
    stack.simulate(FAVOURITE, json!({"latency": {"fixedMs": 30_000}})).await;
    let body = json!({"input": {"model": FAVOURITE, "messages": [{"role": "user", "content": "What is a pump?"}]}});
    let accepted: Value = stack.post("/v1/tasks").json(&body).send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/tasks/{}", accepted["id"].as_str().unwrap());
    wait_until("the call is under way", SOON, || async { stack.account().await.to_string().contains("\"calls\":1") })
        .await;
    assert_eq!(stack.post(&format!("{path}/cancel")).send().await.unwrap().status(), 202);
    wait_until("the task has ended", SOON, || async { stack.get(&path).send().await.unwrap().status() == 200 }).await;
    let fact: Value = stack.get(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!((fact["outcome"].as_str(), fact["error"]["code"].as_str()), (Some("cancelled"), Some("cancelled")));
    assert_eq!(stack.post(&format!("{path}/cancel")).send().await.unwrap().status(), 409);
    assert_eq!(stack.post("/v1/tasks/nonsense/cancel").send().await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_there_already_is_streamed_too() {
    let stack = Stack::start().await;
    let repeat = || stack.post("/v1/chat/completions").header("idempotency-key", "k-1").json(&request(|_| {})).send();
    let first = events(&repeat().await.unwrap().text().await.unwrap());
    let second = events(&repeat().await.unwrap().text().await.unwrap());
    assert_eq!((said(&first), first.last()), (said(&second), second.last()));
    assert!(second.len() < first.len(), "in one piece");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_streams_as_openais_clients_expect() {
    let stack = Stack::start().await;
    let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
    for (provider, below) in [("anthropic", "/v1"), ("gemini", "/v1beta"), ("bedrock", ""), ("azure", "")] {
        let name = format!("streams/{provider}");
        let endpoint = format!("${{NEPTUNE_SIMULATOR_URL}}{below}");
        let spec = json!({"provider": provider, "endpoint": endpoint, "upstreamModel": name, "price": price, "timeoutMs": 5000});
        stack.apply(&[manifest("Model", &name, spec)]).await;
        stack.simulate(&name, json!({"perOutputTokenMs": 20})).await;
        let named = request(|request| request["model"] = json!(name));
        let mut whole = named.clone();
        whole.as_object_mut().unwrap().retain(|field, _| !field.starts_with("stream"));
        let whole: Value = stack.post("/v1/chat/completions").json(&whole).send().await.unwrap().json().await.unwrap();
        let events = streamed(&stack, &named).await;
        assert_eq!(said(&events), whole["choices"][0]["message"]["content"].as_str().unwrap(), "{provider}");
        assert!(events.len() > 10, "{provider}: {events:?}");
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant", "{provider}");
        let [.., last, usage, done] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((&last["choices"][0]["finish_reason"], &last["model"]), (&json!("stop"), &json!(name)));
        assert_eq!((&usage["usage"]["total_tokens"], done), (&whole["usage"]["total_tokens"], &json!("[DONE]")));
        // What breaks in the middle ends with an error, whichever the format.
        stack.simulate(&name, json!({"faults": {"cut": 1.0, "breaksAfter": 8}})).await;
        let events = streamed(&stack, &named).await;
        assert_eq!(events.last().unwrap()["error"]["code"], "stream_interrupted", "{provider}: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropics_clients_are_answered_by_any_model() {
    let stack = Stack::start().await;
    let body = json!({"model": FAVOURITE, "max_tokens": 200, "messages": [{"role": "user", "content": "What is a pump, and what are its parts?"}]});
    let whole: Value = stack.post("/v1/messages").json(&body).send().await.unwrap().json().await.unwrap();
    let words = whole["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{whole}"));
    assert!(words.contains("pump") && whole["usage"]["output_tokens"].as_u64().unwrap() > 0, "{whole}");
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let text = stack.post("/v1/messages").json(&streamed).send().await.unwrap().text().await.unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let said: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(said, words);
    let [first, .., counted, last] = events.as_slice() else { panic!("{text}") };
    assert_eq!((&first["type"], &last["type"]), (&json!("message_start"), &json!("message_stop")));
    assert_eq!((&counted["usage"], &counted["delta"]["stop_reason"]), (&whole["usage"], &json!("end_turn")));
    assert!(events.len() > 10);
    // What breaks in the middle is an event that Anthropic's clients raise.
    stack.simulate(FAVOURITE, json!({"faults": {"cut": 1.0, "breaksAfter": 4}})).await;
    let text = stack.post("/v1/messages").json(&streamed).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("event: error\ndata: {\"type\":\"error\"") && text.contains("stream_interrupted"), "{text}");
}
