#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use neptune_contracts::chat::ChatRequest;
use serde_json::json;

fn asked(change: impl FnOnce(&mut Value)) -> Result<Asked, Vec<String>> {
    let mut body = json!({"model": "auto", "input": "hi"});
    change(&mut body);
    let named = |faults: Vec<neptune_contracts::problem::Problem>| {
        faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    read(body.to_string().as_bytes()).map_err(named)
}

fn request(change: impl FnOnce(&mut Value)) -> Value {
    let request: ChatRequest = asked(change).unwrap().request;
    assert_eq!(request.problems(""), []);
    serde_json::to_value(request).unwrap()
}

#[test]
fn a_request_is_a_chat_completion() {
    assert_eq!(request(|_| {}), json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}));
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let body = json!({
        "model": "auto:best", "instructions": "Be brief.", "max_output_tokens": 50, "temperature": 0.5, "top_p": 0.9,
        "reasoning": {"effort": "low", "summary": "auto"}, "stream": true, "store": false, "truncation": "disabled",
        "text": {"format": {"type": "json_schema", "name": "a", "schema": schema, "strict": true}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": schema}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false, "prompt_cache_key": "k", "user": "u",
        "input": [
            {"role": "developer", "content": "Speak German."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}]},
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{\"a\":\"b\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        ],
    });
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    assert_eq!(
        request(|given| *given = body),
        json!({
            "model": "auto:best", "max_completion_tokens": 50, "temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low",
            "verbosity": "low", "stream": true, "parallel_tool_calls": false, "prompt_cache_key": "k", "user": "u",
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": true}},
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema, "strict": true}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "Speak German."},
                {"role": "user", "content": [{"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}]},
                {"role": "assistant", "content": text("Let me look."), "tool_calls": [call("c1", "{}"), call("c2", "{\"a\":\"b\"}")]},
                {"role": "tool", "content": "one", "tool_call_id": "c1"},
                {"role": "tool", "content": text("two"), "tool_call_id": "c2"},
            ],
        })
    );
}

#[test]
fn labels_are_kept_with_the_task_and_go_to_no_model() {
    let asked = asked(|body| body["metadata"] = json!({"ticket": "7"})).unwrap();
    assert_eq!(asked.labels, *json!({"ticket": "7"}).as_object().unwrap());
    assert_eq!(asked.echo.fields["metadata"], json!({"ticket": "7"}));
    assert!(asked.request.other.is_empty());
}

#[test]
fn what_cannot_be_done_is_named() {
    let check = |change: fn(&mut Value), field: &str| {
        assert_eq!(asked(change).map(|_| ()).unwrap_err(), [field]);
    };
    check(|body| body["store"] = json!(true), "store");
    check(|body| body["previous_response_id"] = json!("resp_1"), "previous_response_id");
    check(|body| body["conversation"] = json!("conv_1"), "conversation");
    check(|body| body["background"] = json!(true), "background");
    check(|body| body["prompt"] = json!({"id": "p"}), "prompt");
    check(|body| body["truncation"] = json!("auto"), "truncation");
    check(|body| body["top_logprobs"] = json!(2), "top_logprobs");
    check(|body| body["stop"] = json!(["x"]), "stop");
    check(|body| body["include"] = json!(["file_search_call.results"]), "include[0]");
    check(|body| body["tools"] = json!([{"type": "web_search"}]), "tools[0].type");
    check(|body| body["tool_choice"] = json!({"type": "web_search"}), "tool_choice");
    check(|body| body["text"] = json!({"format": {"type": "grammar"}}), "text.format.type");
    check(|body| body["text"] = json!({"format": {"type": "json_schema", "name": "a"}}), "text.format.schema");
    check(|body| body["input"] = Value::Null, "input");
    check(|body| body["input"] = json!([{"role": "tool", "content": "x"}]), "input[0].role");
    check(|body| body["input"] = json!([{"role": "user"}]), "input[0].content");
    check(
        |body| body["input"] = json!([{"role": "user", "content": [{"type": "input_audio"}]}]),
        "input[0].content[0]",
    );
    check(
        |body| body["input"] = json!([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]),
        "input[0].content[0]",
    );
    check(|body| body["input"] = json!([{"type": "item_reference", "id": "x"}]), "input[0].type");
    check(|body| body["input"] = json!([{"type": "web_search_call"}]), "input[0].type");
    check(|body| body["input"] = json!([{"type": "function_call_output", "output": "x"}]), "input[0].call_id");
    check(|body| body["instructions"] = json!(7), "instructions");
    check(|body| body["max_output_tokens"] = json!("many"), "max_output_tokens");
    check(|body| body["metadata"] = json!([]), "metadata");
    let said = read(br#"{"input": "x", "previous_response_id": "resp_1"}"#).unwrap_err()[0].to_string();
    assert!(said.contains("send the whole conversation in input"), "{said}");
}

/// A chat completion of everything that one can hold.
fn completion() -> Value {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "a/b",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Let me look.",
            "refusal": null, "reasoning_content": "Hm.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
            "tool_calls": [call("c1", "{}"), call("c2", "{\"a\":1}")]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2}}})
}

#[test]
fn an_answer_is_a_response() {
    let echo = asked(|body| body["temperature"] = json!(0.5)).unwrap().echo;
    let found = response(&completion(), echo);
    let call = |id: &str, call: &str, arguments: &str| json!({"id": id, "type": "function_call", "status": "completed", "call_id": call, "name": "f", "arguments": arguments});
    assert_eq!(
        found["output"],
        json!([
            {"id": "rs_chatcmpl-1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"id": "msg_chatcmpl-1_1", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}]},
            call("fc_chatcmpl-1_2", "c1", "{}"),
            call("fc_chatcmpl-1_3", "c2", "{\"a\":1}"),
        ])
    );
    let usage = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15});
    assert_eq!(found["usage"], usage);
    assert_eq!(
        (&found["id"], &found["object"], &found["status"]),
        (&json!("resp_chatcmpl-1"), &json!("response"), &json!("completed"))
    );
    assert_eq!((&found["model"], &found["temperature"], &found["top_p"]), (&json!("a/b"), &json!(0.5), &json!(1.0)));
    assert_eq!((&found["created_at"], &found["error"]), (&json!(1_790_000_000), &Value::Null));
}

#[test]
fn a_response_goes_on_by_its_own_items() {
    let echo = asked(|body| body["include"] = json!(["reasoning.encrypted_content"])).unwrap().echo;
    let mut input = response(&completion(), echo)["output"].take();
    for (id, output) in [("c1", "one"), ("c2", "two")] {
        let item = json!({"type": "function_call_output", "call_id": id, "output": output});
        input.as_array_mut().unwrap().push(item);
    }
    let messages = request(|body| body["input"] = input)["messages"].take();
    let wanted = completion()["choices"][0]["message"].take();
    assert_eq!(messages.as_array().unwrap().len(), 3);
    assert_eq!(messages[0]["content"][0]["text"], wanted["content"]);
    assert_eq!(messages[0]["tool_calls"], wanted["tool_calls"]);
    assert_eq!(
        messages[0]["thinking_blocks"], wanted["thinking_blocks"],
        "a model that signs its thoughts has them back"
    );
}

#[test]
fn an_answer_that_was_cut_off_is_incomplete() {
    let cut = |reason: &str| {
        let mut completion = completion();
        completion["choices"][0]["finish_reason"] = json!(reason);
        let found = response(&completion, Echo::default());
        (found["status"].clone(), found["incomplete_details"].clone())
    };
    assert_eq!(cut("length"), (json!("incomplete"), json!({"reason": "max_output_tokens"})));
    assert_eq!(cut("content_filter"), (json!("incomplete"), json!({"reason": "content_filter"})));
    assert_eq!(cut("stop"), (json!("completed"), Value::Null));
}

fn chunk(delta: Value, finish_reason: Option<&str>) -> Value {
    json!({"id": "c-1", "created": 5, "model": "a/b", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})
}

#[test]
fn a_stream_is_of_typed_events_that_add_up_to_the_response() {
    let mut writer = Writer::new(Echo::default());
    let mut events = Vec::new();
    let begin = |index: u64, id: &str| json!({"tool_calls": [{"index": index, "id": id, "function": {"name": "f", "arguments": ""}}]});
    let more = |index: u64, text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    for delta in [
        json!({"role": "assistant", "content": "", "refusal": null}),
        json!({"content": "Grüße "}),
        json!({"content": "☂"}),
        begin(0, "c1"),
        more(0, "{\"a\""),
        begin(1, "c2"),
        more(0, ":1}"),
    ] {
        events.extend(writer.chunk(&chunk(delta, None)));
    }
    events.extend(writer.chunk(&chunk(json!({}), Some("tool_calls"))));
    events.extend(writer.end(Some(&json!({"prompt_tokens": 1, "completion_tokens": 2})), Some("0.5")));
    let kinds: Vec<&str> = events.iter().map(|event| text(event, "/type").trim_start_matches("response.")).collect();
    assert_eq!(
        kinds,
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "function_call_arguments.done",
            "output_item.done",
            "completed"
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let last = &events.last().unwrap()["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], "Grüße ☂");
    assert_eq!((&last["output"][1]["arguments"], &last["output"][1]["call_id"]), (&json!("{\"a\":1}"), &json!("c1")));
    assert_eq!(last["usage"]["neptune"], json!({"cost_usd": "0.5"}));
    // Each item is at last what its own last event said.
    let done: Vec<&Value> = events.iter().filter(|event| event["type"] == "response.output_item.done").collect();
    for event in done {
        let index = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
        assert_eq!(event["item"], last["output"][index]);
    }
}

#[test]
fn a_failure_is_told_so_that_clients_raise_it() {
    let mut writer = Writer::new(Echo::default());
    writer.chunk(&chunk(json!({"content": "Grü"}), None));
    let events = writer
        .fail(&json!({"message": "broke off", "type": "upstream_error", "param": null, "code": "stream_interrupted"}));
    let kinds: Vec<&str> = events.iter().map(|event| text(event, "/type")).collect();
    assert_eq!(kinds, ["response.failed", "error"]);
    assert_eq!(events[0]["response"]["error"], json!({"code": "stream_interrupted", "message": "broke off"}));
    assert_eq!(
        (&events[0]["response"]["status"], &events[1]["error"]["code"]),
        (&json!("failed"), &json!("stream_interrupted"))
    );
}
