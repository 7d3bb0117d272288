//! OpenAI Responses at both ends, through the whole system.

use neptune_tests::{resources::manifest, stack::Stack};
use serde_json::{Value, json};

const UPSTREAM: &str = "acme/responses";

async fn start() -> Stack {
    let stack = Stack::start().await;
    let spec = json!({
        "provider": "openai_responses", "endpoint": "${NEPTUNE_SIMULATOR_URL}/v1", "upstreamModel": UPSTREAM,
        "price": {"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"},
    });
    stack.apply(&[manifest("Model", UPSTREAM, spec)]).await;
    stack
}

async fn respond(stack: &Stack, body: &Value) -> Value {
    let answer = stack.post("/v1/responses").json(body).send().await.unwrap();
    let status = answer.status();
    let response: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{response}");
    response
}

/// The events of a streamed response.
async fn stream(stack: &Stack, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let answer = stack.post("/v1/responses").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What a response says, without the names of its parts.
fn said(response: &Value) -> Value {
    let of = |item: &Value| match item["type"].as_str().unwrap() {
        "message" => item["content"][0]["text"].clone(),
        _ => json!([item["name"], item["arguments"]]),
    };
    response["output"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_the_same_whole_and_streamed_from_either_kind_of_model() {
    let stack = start().await;
    let tool = json!({"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {"part": {"type": "string"}}}});
    for model in ["openai/gpt-4.1", UPSTREAM] {
        let text = json!({"model": model, "instructions": "Be brief.", "input": "What is a pump?"});
        let call = json!({"model": model, "input": "Which part is it?", "tools": [tool], "tool_choice": "required"});
        let cut = json!({"model": model, "input": "What is a pump?", "max_output_tokens": 3});
        for (body, kind, last) in [
            (&text, "response.output_text.delta", "response.completed"),
            (&call, "response.function_call_arguments.delta", "response.completed"),
            (&cut, "response.output_text.delta", "response.incomplete"),
        ] {
            let whole = respond(&stack, body).await;
            assert_eq!((&whole["object"], &whole["model"]), (&json!("response"), &json!(model)), "{whole}");
            let events = stream(&stack, body).await;
            let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
            assert_eq!((kinds[0], *kinds.last().unwrap()), ("response.created", last), "{kinds:?}");
            assert!(kinds.iter().filter(|found| **found == kind).count() >= 1, "{kinds:?}");
            let streamed = &events.last().unwrap()["response"];
            assert_eq!((said(streamed), &streamed["status"]), (said(&whole), &whole["status"]), "{model}");
            assert_eq!(streamed["usage"]["total_tokens"], whole["usage"]["total_tokens"], "{model}");
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], number);
            }
        }
        // The conversation goes on with the call and its result.
        let mut input = respond(&stack, &call).await["output"].take();
        let id = input[0]["call_id"].clone();
        let items = input.as_array_mut().unwrap();
        items.insert(0, json!({"role": "user", "content": "Which part is it?"}));
        items.push(json!({"type": "function_call_output", "call_id": id, "output": "the seal"}));
        let after = respond(&stack, &json!({"model": model, "input": input, "tools": [tool]})).await;
        assert_eq!(after["output"][0]["type"], "message", "{after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_in_openais_shape() {
    let stack = start().await;
    let body = json!({"model": UPSTREAM, "input": "hi", "previous_response_id": "resp_1"});
    let answer = stack.post("/v1/responses").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["param"], "previous_response_id", "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("send the whole conversation in input"), "{error}");
    // In the middle of a stream.
    let faults = json!({"breaksAfter": 8});
    stack.simulate(UPSTREAM, json!({"failNext": 1, "failWith": "cut", "faults": faults})).await;
    let events = stream(&stack, &json!({"model": UPSTREAM, "input": "What is a pump?"})).await;
    let kinds: Vec<&str> = events.iter().rev().take(2).map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["error", "response.failed"], "{events:?}");
    assert_eq!(events.last().unwrap()["error"]["code"], "stream_interrupted");
    // A model that fails once answers the second time.
    stack.simulate(UPSTREAM, json!({"failNext": 1, "failWith": "serverError"})).await;
    let answer = stack.post("/v1/responses").json(&json!({"model": UPSTREAM, "input": "hi"})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["x-neptune-attempts"].to_str().unwrap()), (200, "2"));
}
