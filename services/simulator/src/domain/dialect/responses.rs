mod stream;

use serde_json::{Map, Value, json};

use super::{Reply, list, only, text};
use crate::domain::answer::{Answer, Content};

const FIELDS: &[&str] = &[
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
    "store",
    "stream",
    "stream_options",
    "include",
    "metadata",
    "user",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "truncation",
];

pub(super) use stream::pieces;

pub(super) fn read(body: &Value) -> Result<Value, String> {
    only(body, "body", FIELDS)?;
    let mut messages = Vec::new();
    if let Some(instructions) = body.get("instructions").filter(|text| text.is_string()) {
        messages.push(json!({"role": "system", "content": instructions}));
    }
    match body.get("input") {
        Some(Value::String(said)) => messages.push(json!({"role": "user", "content": said})),
        _ => {
            for (index, item) in list(body, "/input").iter().enumerate() {
                messages.extend(message(item, &format!("input[{index}]"))?);
            }
        }
    }
    let mut request = Map::new();
    for (theirs, ours) in [("model", "model"), ("max_output_tokens", "max_tokens"), ("stream", "stream")] {
        request.insert(ours.into(), body.get(theirs).cloned().unwrap_or_default());
    }
    request.insert("model".into(), text(body, "/model").into());
    request.insert("messages".into(), messages.into());
    if let Some(schema) = body.pointer("/text/format/schema") {
        request.insert("response_format".into(), json!({"type": "json_schema", "json_schema": {"schema": schema}}));
    } else if let Some(format) = body.pointer("/text/format") {
        request.insert("response_format".into(), json!({"type": text(format, "/type")}));
    }
    request.insert("tools".into(), list(body, "/tools").iter().map(tool).collect());
    request.insert("tool_choice".into(), choice(body.get("tool_choice")));
    Ok(Value::Object(request))
}

fn message(item: &Value, place: &str) -> Result<Option<Value>, String> {
    match text(item, "/type") {
        "" | "message" => {
            let role = text(item, "/role");
            if !["user", "assistant", "system", "developer"].contains(&role) {
                return Err(format!("Invalid value for '{place}.role'."));
            }
            Ok(Some(json!({"role": role, "content": content(item.get("content"), place)?})))
        }
        "function_call" => Ok(Some(json!({"role": "assistant", "content": null}))),
        "function_call_output" if text(item, "/call_id").is_empty() => Err(format!("Missing '{place}.call_id'.")),
        "function_call_output" => Ok(Some(json!({"role": "tool", "content": content(item.get("output"), place)?}))),
        "reasoning" => Ok(None),
        kind => Err(format!("Invalid value for '{place}.type': {kind:?}.")),
    }
}

fn content(said: Option<&Value>, place: &str) -> Result<Value, String> {
    let parts = match said {
        Some(Value::String(said)) => return Ok(said.clone().into()),
        Some(Value::Array(parts)) => parts,
        _ => return Err(format!("Missing '{place}.content'.")),
    };
    let part = |part: &Value| match text(part, "/type") {
        "input_text" | "output_text" => Ok(json!({"type": "text", "text": text(part, "/text")})),
        "refusal" => Ok(json!({"type": "text", "text": text(part, "/refusal")})),
        "input_image" => Ok(json!({"type": "image_url"})),
        "input_file" => Ok(json!({"type": "file"})),
        kind => Err(format!("Invalid value for '{place}.content': {kind:?}.")),
    };
    parts.iter().map(part).collect()
}

fn tool(tool: &Value) -> Value {
    json!({"type": "function", "function": {"name": text(tool, "/name"), "parameters": tool.get("parameters")}})
}

fn choice(choice: Option<&Value>) -> Value {
    match choice {
        Some(Value::String(choice)) => choice.clone().into(),
        Some(choice) => json!({"type": "function", "function": {"name": text(choice, "/name")}}),
        None => Value::Null,
    }
}

pub(super) fn write(reply: &Reply<'_>) -> Value {
    let answer = reply.answers.first();
    let is_cut = answer.is_some_and(|answer| answer.finish_reason == "length");
    let mut response = frame(reply, if is_cut { "incomplete" } else { "completed" });
    if let Some(fields) = response.as_object_mut() {
        fields.insert("output".into(), answer.map(|answer| item(reply, answer)).into_iter().collect());
        fields.insert("usage".into(), usage(reply));
        if is_cut {
            fields.insert("incomplete_details".into(), json!({"reason": "max_output_tokens"}));
        }
    }
    response
}

/// A response without its output.
fn frame(reply: &Reply<'_>, status: &str) -> Value {
    json!({
        "id": format!("resp_{:016x}{}", reply.digest, reply.number),
        "object": "response",
        "created_at": reply.created_unix_s,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": true,
        "store": false,
        "usage": null,
    })
}

fn item(reply: &Reply<'_>, answer: &Answer) -> Value {
    match &answer.content {
        Content::Text(text) => json!({
            "id": item_id(reply, answer), "type": "message", "status": "completed", "role": "assistant", "content": [part(text)],
        }),
        Content::Call { name, arguments } => json!({
            "id": item_id(reply, answer), "type": "function_call", "status": "completed",
            "call_id": format!("call_{:016x}", reply.digest), "name": name, "arguments": arguments,
        }),
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn item_id(reply: &Reply<'_>, answer: &Answer) -> String {
    let prefix = if matches!(answer.content, Content::Text(_)) { "msg" } else { "fc" };
    format!("{prefix}_{:016x}{}", reply.digest, reply.number)
}

fn usage(reply: &Reply<'_>) -> Value {
    let usage = reply.usage;
    json!({
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    })
}
