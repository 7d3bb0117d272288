mod stream;

use serde_json::{Map, Value, json};

use super::{Reply, list, only, text};
use crate::domain::answer::{Answer, Content};

const FIELDS: &[&str] = &[
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "outputConfig",
    "additionalModelRequestFields",
    "requestMetadata",
    "guardrailConfig",
    "performanceConfig",
];

pub(super) use stream::pieces;

pub(super) fn read(model: &str, body: &Value) -> Result<Value, String> {
    only(body, "body", FIELDS)?;
    let mut messages = Vec::new();
    if body.get("system").is_some() {
        messages.push(json!({"role": "system", "content": parts(list(body, "/system"))?}));
    }
    for message in list(body, "/messages") {
        let role = text(message, "/role");
        if !matches!(role, "user" | "assistant") {
            return Err("Value at 'messages.role' must be one of [user, assistant].".into());
        }
        messages.push(json!({"role": role, "content": parts(list(message, "/content"))?}));
    }
    let mut request = Map::new();
    request.insert("model".into(), model.into());
    request.insert("messages".into(), messages.into());
    request.insert("max_tokens".into(), body.pointer("/inferenceConfig/maxTokens").cloned().unwrap_or_default());
    let schema = text(body, "/outputConfig/textFormat/structure/jsonSchema/schema");
    if !schema.is_empty() {
        let schema: Value = serde_json::from_str(schema).map_err(|_| "The JSON schema is not JSON.")?;
        request.insert("response_format".into(), json!({"type": "json_schema", "json_schema": {"schema": schema}}));
    }
    let tools: Vec<Value> = list(body, "/toolConfig/tools").iter().filter_map(tool).collect();
    request.insert("tools".into(), tools.into());
    request.insert("tool_choice".into(), choice(body.pointer("/toolConfig/toolChoice")));
    Ok(Value::Object(request))
}

fn parts(blocks: &[Value]) -> Result<Value, String> {
    let mut parts = Vec::new();
    for block in blocks {
        let (kind, held) = block.as_object().and_then(|block| block.iter().next()).ok_or("A block is empty.")?;
        match (kind.as_str(), held.as_str()) {
            ("text", Some("")) | ("text", None) => return Err("The text field in a ContentBlock is blank.".into()),
            ("text", Some(text)) => parts.push(json!({"type": "text", "text": text})),
            ("image", _) => parts.push(json!({"type": "image_url"})),
            ("toolResult", _) => parts.extend(list(&parts_of(held)?, "").iter().cloned()),
            ("toolUse" | "cachePoint" | "reasoningContent" | "document", _) => {}
            _ => return Err(format!("{kind} is no known kind of block.")),
        }
    }
    Ok(Value::Array(parts))
}

fn parts_of(result: &Value) -> Result<Value, String> {
    parts(list(result, "/content"))
}

fn tool(tool: &Value) -> Option<Value> {
    let spec = tool.get("toolSpec")?;
    let parameters = spec.pointer("/inputSchema/json");
    Some(json!({"type": "function", "function": {"name": text(spec, "/name"), "parameters": parameters}}))
}

fn choice(choice: Option<&Value>) -> Value {
    let Some(choice) = choice else { return Value::Null };
    if choice.get("any").is_some() {
        return json!("required");
    }
    match text(choice, "/tool/name") {
        "" => json!("auto"),
        name => json!({"type": "function", "function": {"name": name}}),
    }
}

pub(super) fn write(reply: &Reply<'_>) -> Value {
    let answer = reply.answers.first();
    let content = match answer.map(|answer| &answer.content) {
        Some(Content::Text(text)) => json!([{"text": text}]),
        Some(Content::Call { name, arguments }) => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!([{"toolUse": {"toolUseId": call_id(reply), "name": name, "input": input}}])
        }
        None => json!([]),
    };
    let stop_reason = stop_reason(answer);
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": usage(reply),
        "metrics": {"latencyMs": 1},
    })
}

fn call_id(reply: &Reply<'_>) -> String {
    format!("tooluse_{:016x}", reply.digest)
}

fn stop_reason(answer: Option<&Answer>) -> &'static str {
    match answer.map(|answer| answer.finish_reason) {
        Some("length") => "max_tokens",
        Some("tool_calls") => "tool_use",
        _ => "end_turn",
    }
}

fn usage(reply: &Reply<'_>) -> Value {
    let usage = reply.usage;
    json!({
        "inputTokens": usage.prompt - usage.cached - usage.written,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.written,
    })
}
