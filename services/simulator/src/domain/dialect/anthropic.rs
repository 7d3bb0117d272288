mod stream;

use serde_json::{Map, Value, json};

use super::{Reply, list, only, text};
use crate::domain::answer::{Answer, Content};

const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "service_tier",
    "stream",
];

pub(super) use stream::pieces;

pub(super) fn read(body: &Value) -> Result<Value, String> {
    only(body, "body", FIELDS)?;
    let limit = body.get("max_tokens").and_then(Value::as_u64).ok_or("max_tokens: Field required")?;
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return Err("temperature: range: 0..1".into());
    }
    let mut messages = Vec::new();
    match body.get("system") {
        Some(Value::String(system)) => messages.push(json!({"role": "system", "content": system})),
        Some(system) => messages.push(json!({"role": "system", "content": parts(list(system, ""), "system")?})),
        None => {}
    }
    for (index, message) in list(body, "/messages").iter().enumerate() {
        let role = text(message, "/role");
        if !matches!(role, "user" | "assistant") {
            return Err(format!("messages.{index}.role: Input should be 'user' or 'assistant'"));
        }
        let content = match message.get("content") {
            Some(Value::String(text)) => text.clone().into(),
            _ => parts(list(message, "/content"), &format!("messages.{index}.content"))?,
        };
        messages.push(json!({"role": role, "content": content}));
    }
    let mut request = Map::new();
    request.insert("model".into(), text(body, "/model").into());
    request.insert("messages".into(), messages.into());
    request.insert("max_tokens".into(), limit.into());
    request.insert("stream".into(), body.get("stream").cloned().unwrap_or(Value::Null));
    if let Some(schema) = body.pointer("/output_config/format/schema") {
        request.insert("response_format".into(), json!({"type": "json_schema", "json_schema": {"schema": schema}}));
    }
    request.insert("tools".into(), list(body, "/tools").iter().map(tool).collect());
    request.insert("tool_choice".into(), choice(body.get("tool_choice")));
    Ok(Value::Object(request))
}

fn parts(blocks: &[Value], place: &str) -> Result<Value, String> {
    let mut parts = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        match text(block, "/type") {
            "text" if text(block, "/text").is_empty() => {
                return Err(format!("{place}.{index}: text content blocks must be non-empty"));
            }
            "text" => parts.push(json!({"type": "text", "text": text(block, "/text")})),
            "image" => parts.push(json!({"type": "image_url"})),
            "tool_result" => match block.get("content") {
                Some(Value::String(said)) => parts.push(json!({"type": "text", "text": said})),
                _ => parts.extend(list(&parts_of(block, place)?, "").iter().cloned()),
            },
            "tool_use" | "thinking" | "redacted_thinking" | "document" => {}
            kind => return Err(format!("{place}.{index}.type: {kind:?} is no known type of block")),
        }
    }
    Ok(Value::Array(parts))
}

fn parts_of(block: &Value, place: &str) -> Result<Value, String> {
    parts(list(block, "/content"), &format!("{place}.content"))
}

fn tool(tool: &Value) -> Value {
    json!({"type": "function", "function": {"name": text(tool, "/name"), "parameters": tool.get("input_schema")}})
}

fn choice(choice: Option<&Value>) -> Value {
    match choice.map(|choice| text(choice, "/type")) {
        Some("any") => json!("required"),
        Some("tool") => json!({"type": "function", "function": {"name": choice.map(|choice| text(choice, "/name"))}}),
        Some("none") => json!("none"),
        Some(_) => json!("auto"),
        None => Value::Null,
    }
}

pub(super) fn write(reply: &Reply<'_>) -> Value {
    let answer = reply.answers.first();
    let content = match answer.map(|answer| &answer.content) {
        Some(Content::Text(text)) => json!([{"type": "text", "text": text, "citations": null}]),
        Some(Content::Call { name, arguments }) => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!([{"type": "tool_use", "id": call_id(reply), "name": name, "input": input}])
        }
        None => json!([]),
    };
    let stop_reason = stop_reason(answer);
    json!({
        "id": id(reply),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(reply),
    })
}

fn id(reply: &Reply<'_>) -> String {
    format!("msg_{:016x}{}", reply.digest, reply.number)
}

fn call_id(reply: &Reply<'_>) -> String {
    format!("toolu_{:016x}", reply.digest)
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
        "input_tokens": usage.prompt - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    })
}
