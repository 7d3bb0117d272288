#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use serde_json::{Value, json};

use super::*;
use crate::domain::request::Request;

fn read(dialect: Dialect, body: &Value) -> Result<Value, String> {
    dialect.read(Some("m"), body.to_string().as_bytes()).map(Option::unwrap)
}

#[test]
fn the_same_question_is_read_from_each_format() {
    let schema = json!({"type": "object"});
    for (dialect, body) in [
        (
            Dialect::Anthropic,
            json!({"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, {"type": "image", "source": {}}]}],
                "tools": [{"name": "f", "input_schema": schema}], "tool_choice": {"type": "tool", "name": "f"}}),
        ),
        (
            Dialect::Gemini,
            json!({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"role": "user", "parts": [{"text": "What?"}, {"inlineData": {}}]}],
                "generationConfig": {"maxOutputTokens": 9}, "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}],
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}),
        ),
        (
            Dialect::Bedrock,
            json!({"system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}], "messages": [{"role": "user", "content": [{"text": "What?"}, {"image": {}}]}],
                "inferenceConfig": {"maxTokens": 9}, "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}], "toolChoice": {"tool": {"name": "f"}}}}),
        ),
    ] {
        let translated = read(dialect, &body).unwrap().to_string();
        let request: Request<'_> = serde_json::from_str(&translated).unwrap();
        assert_eq!(
            (request.instructions().as_str(), request.question().as_ref()),
            ("Be brief.", "What?"),
            "{dialect:?}"
        );
        assert_eq!((request.images(), request.token_limit(), request.model.as_ref()), (1, Some(9), "m"), "{dialect:?}");
        let function = json!({"name": "f", "parameters": schema});
        assert_eq!(request.tools.unwrap()[0]["function"], function, "{dialect:?}");
        assert_eq!(request.tool_choice.unwrap()["function"]["name"], "f", "{dialect:?}");
    }
}

#[test]
fn what_the_real_provider_refuses_is_refused() {
    let user = json!([{"role": "user", "content": [{"type": "text", "text": ""}]}]);
    for (dialect, body, part) in [
        (Dialect::Anthropic, json!({"messages": []}), "max_tokens"),
        (Dialect::Anthropic, json!({"max_tokens": 1, "seed": 1}), "seed"),
        (Dialect::Anthropic, json!({"max_tokens": 1, "temperature": 1.5}), "temperature"),
        (Dialect::Anthropic, json!({"max_tokens": 1, "messages": [{"role": "tool", "content": "x"}]}), "role"),
        (Dialect::Anthropic, json!({"max_tokens": 1, "messages": user}), "non-empty"),
        (Dialect::Gemini, json!({"messages": []}), "messages"),
        (Dialect::Gemini, json!({"contents": [{"role": "assistant", "parts": []}]}), "role"),
        (Dialect::Gemini, json!({"contents": [{"parts": [{}]}]}), "parts"),
        (Dialect::Bedrock, json!({"model": "m"}), "model"),
        (Dialect::Bedrock, json!({"messages": [{"role": "user", "content": [{"text": ""}]}]}), "blank"),
        (Dialect::Bedrock, json!({"messages": [{"role": "user", "content": [{"video": {}}]}]}), "video"),
    ] {
        let said = read(dialect, &body).unwrap_err();
        assert!(said.contains(part), "{dialect:?} {body}: {said}");
    }
    assert!(Dialect::Gemini.read(Some("m"), b"{").unwrap_err().contains("JSON"));
}
