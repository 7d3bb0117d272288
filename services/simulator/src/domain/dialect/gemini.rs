mod stream;

use serde_json::{Map, Value, json};

use super::{Reply, list, only, text};
use crate::domain::answer::{Answer, Content};

const FIELDS: &[&str] =
    &["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"];

pub(super) use stream::pieces;

pub(super) fn read(model: &str, body: &Value) -> Result<Value, String> {
    only(body, "body", FIELDS)?;
    let mut messages = Vec::new();
    if let Some(system) = body.get("systemInstruction") {
        messages.push(json!({"role": "system", "content": parts(system)?}));
    }
    for content in list(body, "/contents") {
        let role = match text(content, "/role") {
            "user" | "" => "user",
            "model" => "assistant",
            _ => return Err("Please use a valid role: user, model.".into()),
        };
        messages.push(json!({"role": role, "content": parts(content)?}));
    }
    let config = |field: &str| body.pointer(&format!("/generationConfig/{field}")).cloned().unwrap_or_default();
    let mut request = Map::new();
    request.insert("model".into(), model.into());
    request.insert("messages".into(), messages.into());
    request.insert("max_tokens".into(), config("maxOutputTokens"));
    request.insert("n".into(), config("candidateCount"));
    if config("responseMimeType") == "application/json" {
        let schema = config("responseJsonSchema");
        let format = if schema.is_null() {
            json!({"type": "json_object"})
        } else {
            json!({"type": "json_schema", "json_schema": {"schema": schema}})
        };
        request.insert("response_format".into(), format);
    }
    let declared = list(body, "/tools").iter().flat_map(|tool| list(tool, "/functionDeclarations"));
    request.insert("tools".into(), declared.map(tool).collect());
    request.insert("tool_choice".into(), choice(body));
    Ok(Value::Object(request))
}

fn parts(content: &Value) -> Result<Value, String> {
    let mut parts = Vec::new();
    for part in list(content, "/parts") {
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            parts.push(json!({"type": "text", "text": text}));
        } else if part.get("inlineData").or_else(|| part.get("fileData")).is_some() {
            parts.push(json!({"type": "image_url"}));
        } else if let Some(result) = part.get("functionResponse") {
            let response = result.get("response").filter(|response| response.is_object());
            let response = response.ok_or("function_response.response must be an object.")?;
            parts.push(json!({"type": "text", "text": response.to_string()}));
        } else if part.get("functionCall").is_none() {
            return Err("contents.parts must not be empty.".into());
        }
    }
    Ok(Value::Array(parts))
}

fn tool(declared: &Value) -> Value {
    let own = || declared.get("parameters").map(json_schema);
    let parameters = declared.get("parametersJsonSchema").cloned().or_else(own);
    json!({"type": "function", "function": {"name": text(declared, "/name"), "parameters": parameters}})
}

/// Google's own schemas name types in capitals.
fn json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match value.as_str().filter(|_| name == "type") {
                Some(kind) => (name.clone(), kind.to_ascii_lowercase().into()),
                None => (name.clone(), json_schema(value)),
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(json_schema).collect(),
        other => other.clone(),
    }
}

fn choice(body: &Value) -> Value {
    let calling = body.pointer("/toolConfig/functionCallingConfig").cloned().unwrap_or_default();
    let named = list(&calling, "/allowedFunctionNames").first().and_then(Value::as_str);
    match (text(&calling, "/mode"), named) {
        ("ANY", Some(name)) => json!({"type": "function", "function": {"name": name}}),
        ("ANY", None) => json!("required"),
        ("NONE", _) => json!("none"),
        ("AUTO", _) => json!("auto"),
        _ => Value::Null,
    }
}

pub(super) fn write(reply: &Reply<'_>) -> Value {
    let candidates: Vec<Value> = reply.answers.iter().enumerate().map(candidate).collect();
    json!({
        "candidates": candidates,
        "usageMetadata": usage(reply),
        "modelVersion": reply.model,
        "responseId": id(reply),
    })
}

fn candidate((index, answer): (usize, &Answer)) -> Value {
    let part = match &answer.content {
        Content::Text(text) => json!({"text": text}),
        Content::Call { name, arguments } => {
            let args: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!({"functionCall": {"name": name, "args": args}})
        }
    };
    json!({"index": index, "content": {"role": "model", "parts": [part]}, "finishReason": reason(answer)})
}

fn id(reply: &Reply<'_>) -> String {
    format!("{:016x}-{}", reply.digest, reply.number)
}

fn reason(answer: &Answer) -> &'static str {
    if answer.finish_reason == "length" { "MAX_TOKENS" } else { "STOP" }
}

fn usage(reply: &Reply<'_>) -> Value {
    let usage = reply.usage;
    json!({
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
    })
}
