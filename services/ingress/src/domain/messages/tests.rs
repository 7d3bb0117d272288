#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::pieces;
use proptest::prelude::*;
use serde_json::json;

fn request(fields: Value) -> Value {
    let mut body = json!({"model": "auto", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn read_value(body: &Value) -> Result<Value, Vec<String>> {
    let found = read(body.to_string().as_bytes());
    found
        .map(|request| serde_json::to_value(request).unwrap())
        .map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
}

#[test]
fn a_conversation_with_everything_is_said_in_openais_words() {
    let marker = json!({"type": "ephemeral"});
    let schema = json!({"type": "object"});
    let found = read_value(&request(json!({
        "system": [{"type": "text", "text": "Be brief.", "cache_control": marker}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a pump"}]},
                {"type": "text", "text": "And now?"},
            ]},
        ],
        "stop_sequences": ["END"], "temperature": 0.5, "metadata": {"user_id": "u"}, "stream": true,
        "tools": [{"name": "look", "description": "Looks.", "input_schema": schema}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "thinking": {"type": "enabled", "budget_tokens": 8000},
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    })));
    let url = "data:image/png;base64,aGk=";
    assert_eq!(
        found.unwrap(),
        json!({
            "model": "auto", "max_completion_tokens": 64, "temperature": 0.5, "stream": true, "stop": ["END"], "user": "u",
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": marker}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                    {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="}},
                ]},
                {"role": "assistant", "content": [{"type": "text", "text": "I look."}],
                    "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
                    "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
                {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "a pump"}]},
                {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": schema}}],
            "tool_choice": "required", "parallel_tool_calls": false, "reasoning_effort": "medium",
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": schema}},
        })
    );
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let user = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (fields, wanted) in [
        (json!({"max_tokens": null}), "max_tokens"),
        (json!({"top_k": 5}), "top_k"),
        (json!({"messages": 7}), "messages"),
        (json!({"messages": [{"role": "system", "content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user", "content": 7}]}), "messages[0].content"),
        (user(json!({"type": "search_result"})), "messages[0].content[0]"),
        (user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})), "messages[0].content[0]"),
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools[0]"),
        (json!({"tool_choice": {"type": "some"}}), "tool_choice.type"),
        (json!({"thinking": {"type": "loud"}}), "thinking.type"),
        (json!({"output_config": {"format": {"type": "xml"}}}), "output_config.format.type"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stream": 1}), "stream"),
    ] {
        assert_eq!(read_value(&request(fields.clone())), Err(vec![wanted.to_owned()]), "{fields}");
    }
    assert_eq!(read(b"[]").unwrap_err()[0].field, "(body)");
}

fn completion(message: &Value, finish_reason: &str) -> Value {
    json!({"id": "c1", "model": "acme/m", "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2}}})
}

fn everything() -> Value {
    json!({"role": "assistant", "content": "I look.", "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}],
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
            {"id": "t2", "type": "function", "function": {"name": "time", "arguments": "{}"}}]})
}

#[test]
fn an_answer_is_a_message() {
    assert_eq!(
        message(&completion(&everything(), "tool_calls")),
        json!({"id": "c1", "type": "message", "role": "assistant", "model": "acme/m", "stop_reason": "tool_use", "stop_sequence": null,
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}},
                {"type": "tool_use", "id": "t2", "name": "time", "input": {}},
            ],
            "usage": {"input_tokens": 5, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 4}})
    );
}

/// Puts events together as Anthropic's clients do.
fn gathered(events: &[Value]) -> Value {
    let mut whole = Value::Null;
    let mut arguments = vec![String::new(); events.len()];
    for event in events {
        let index = event["index"].as_u64().map_or(0, |index| usize::try_from(index).unwrap());
        match event["type"].as_str().unwrap() {
            "message_start" => whole = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(whole["content"].as_array().unwrap().len(), index);
                whole["content"].as_array_mut().unwrap().push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let (field, more) = match event["delta"]["type"].as_str().unwrap() {
                    "text_delta" => ("text", &event["delta"]["text"]),
                    "thinking_delta" => ("thinking", &event["delta"]["thinking"]),
                    "signature_delta" => ("signature", &event["delta"]["signature"]),
                    _ => {
                        arguments[index].push_str(event["delta"]["partial_json"].as_str().unwrap());
                        continue;
                    }
                };
                let said = [whole["content"][index][field].as_str().unwrap(), more.as_str().unwrap()].concat();
                whole["content"][index][field] = said.into();
            }
            "content_block_stop" if !arguments[index].is_empty() => {
                whole["content"][index]["input"] = serde_json::from_str(&arguments[index]).unwrap();
            }
            "message_delta" => {
                whole["stop_reason"] = event["delta"]["stop_reason"].clone();
                whole["usage"] = event["usage"].clone();
            }
            _ => {}
        }
    }
    whole
}

#[test]
fn a_whole_answer_in_events_is_the_same_message() {
    let completion = completion(&everything(), "tool_calls");
    let mut writer = Writer::default();
    let mut events: Vec<Value> = pieces::of(&completion, false).iter().flat_map(|chunk| writer.chunk(chunk)).collect();
    events.extend(writer.end(completion.get("usage")));
    assert_eq!(gathered(&events), message(&completion));
    let starts = events.iter().filter(|event| event["type"] == "content_block_start").count();
    assert_eq!((starts, events.iter().filter(|event| event["type"] == "content_block_stop").count()), (5, 5));
}

proptest! {
    #[test]
    fn pieces_become_the_same_message_however_they_are_cut(thought in ".{0,30}", text in ".{0,40}", cut in 1..7_usize, arguments in "[a-z]{0,9}") {
        let arguments = json!({"q": arguments}).to_string();
        let chunk = |delta: Value| json!({"id": "c1", "model": "acme/m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        let cut = |text: &str| -> Vec<String> {
            text.chars().collect::<Vec<char>>().chunks(cut).map(|piece| piece.iter().collect()).collect()
        };
        let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}))];
        chunks.extend(cut(&thought).iter().map(|words| chunk(json!({"reasoning_content": words}))));
        chunks.extend(cut(&text).iter().map(|words| chunk(json!({"content": words}))));
        chunks.push(chunk(json!({"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "f", "arguments": ""}}]})));
        chunks.extend(cut(&arguments).iter().map(|json| chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": json}}]}))));
        chunks.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}));
        let call = json!({"id": "t1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let whole = completion(&json!({"content": text, "reasoning_content": thought, "tool_calls": [call]}), "tool_calls");
        let mut writer = Writer::default();
        let mut events: Vec<Value> = chunks.iter().flat_map(|chunk| writer.chunk(chunk)).collect();
        events.extend(writer.end(whole.get("usage")));
        prop_assert_eq!(gathered(&events), message(&whole));
    }

    #[test]
    fn no_body_makes_it_panic(body in ".{0,80}", kind in "[a-z_]{0,12}") {
        let _request = read(body.as_bytes());
        let blocks = json!([{"type": kind, "content": body, "source": kind}, body]);
        let _request = read(request(json!({"messages": [{"role": "user", "content": blocks}, kind], "tools": [kind], "thinking": body})).to_string().as_bytes());
    }
}
