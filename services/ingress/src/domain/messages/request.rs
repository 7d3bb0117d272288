//! A request.

use super::text;
use crate::domain::json;
use neptune_contracts::{
    chat::{ChatMessage, ChatRequest, Content, Part},
    problem::Problem,
};
use serde_json::{Map, Value, json};

/// From this many tokens on, thoughts are `medium`.
const MEDIUM_TOKENS: u64 = 4_096;
/// From this many tokens on, thoughts are `high`.
const HIGH_TOKENS: u64 = 16_384;

/// The fields that are read; any other is refused. `service_tier` and a `cache_control` of the whole
/// request change no answer, and are left to the model that is chosen.
const FIELDS: [&str; 15] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "service_tier",
    "stream",
    "cache_control",
];

/// What is wrong so far.
type Faults = Vec<Problem>;

/// A request as a chat completion.
///
/// # Errors
/// Everything in it that is wrong, or that a chat completion cannot say.
pub fn read(body: &[u8]) -> Result<ChatRequest, Vec<Problem>> {
    let body: Map<String, Value> = json::read(body).map_err(|problem| vec![problem])?;
    let body = Value::Object(body);
    let mut faults = Faults::new();
    for field in body.as_object().into_iter().flat_map(Map::keys).filter(|field| !FIELDS.contains(&field.as_str())) {
        faults.push(cannot(field, "this field is not served", "leave it out"));
    }
    let mut request =
        ChatRequest { model: body.get("model").and_then(Value::as_str).map(str::to_owned), ..ChatRequest::default() };
    match body.get("max_tokens").and_then(Value::as_u64).and_then(|limit| u32::try_from(limit).ok()) {
        Some(limit) => request.max_completion_tokens = Some(limit),
        None => faults.push(cannot("max_tokens", "missing or no whole number", "send the most tokens of the answer")),
    }
    if let Some(system) = body.get("system").filter(|system| !system.is_null()) {
        let content = content(system, "system", &mut faults);
        request.messages.push(ChatMessage { role: "system".into(), content, other: Map::new() });
    }
    let messages = body.get("messages").and_then(Value::as_array);
    if messages.is_none() {
        faults.push(cannot("messages", "missing or no list", "send at least one message"));
    }
    for (index, message) in messages.into_iter().flatten().enumerate() {
        add_message(&mut request.messages, message, &format!("messages[{index}]"), &mut faults);
    }
    sample(&mut request, &body, &mut faults);
    offer_tools(&mut request, &body, &mut faults);
    shape(&mut request, &body, &mut faults);
    if faults.is_empty() { Ok(request) } else { Err(faults) }
}

fn cannot(field: &str, message: &str, remedy: &str) -> Problem {
    Problem::new(field, message, remedy)
}

fn sample(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    for (name, value) in [("temperature", &mut request.temperature), ("top_p", &mut request.top_p)] {
        let Some(given) = body.get(name).filter(|given| !given.is_null()) else { continue };
        *value = given.as_f64();
        if value.is_none() {
            faults.push(cannot(name, "not a number", "send a number or leave it out"));
        }
    }
    match body.get("stream") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(stream)) => request.stream = Some(*stream),
        Some(_) => faults.push(cannot("stream", "not true or false", "send true or leave it out")),
    }
    if let Some(stop) = body.get("stop_sequences").filter(|stop| !stop.is_null()) {
        request.other.insert("stop".into(), stop.clone());
    }
    if let Some(user) = body.pointer("/metadata/user_id").filter(|user| user.is_string()) {
        request.other.insert("user".into(), user.clone());
    }
}

fn offer_tools(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    let mut tools = Vec::new();
    for (index, tool) in body.get("tools").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if !matches!(text(tool, "/type"), "" | "custom") || text(tool, "/name").is_empty() {
            let place = format!("tools[{index}]");
            faults.push(cannot(
                &place,
                "not a tool of the caller's own",
                "send name and input_schema; tools that run at the provider are not served",
            ));
            continue;
        }
        let mut function = Map::new();
        for (theirs, ours) in
            [("name", "name"), ("description", "description"), ("input_schema", "parameters"), ("strict", "strict")]
        {
            if let Some(value) = tool.get(theirs) {
                function.insert(ours.into(), value.clone());
            }
        }
        let mut written = json!({"type": "function", "function": function});
        if let (Some(marker), Some(fields)) = (tool.get("cache_control"), written.as_object_mut()) {
            fields.insert("cache_control".into(), marker.clone());
        }
        tools.push(written);
    }
    if !tools.is_empty() {
        request.tools = Some(tools);
    }
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else { return };
    let chosen = match text(choice, "/type") {
        "auto" => json!("auto"),
        "any" => json!("required"),
        "none" => json!("none"),
        "tool" => json!({"type": "function", "function": {"name": text(choice, "/name")}}),
        _ => {
            faults.push(cannot("tool_choice.type", "unknown choice", "use auto, any, tool or none"));
            return;
        }
    };
    request.other.insert("tool_choice".into(), chosen);
    if choice.get("disable_parallel_tool_use").and_then(Value::as_bool) == Some(true) {
        request.other.insert("parallel_tool_calls".into(), false.into());
    }
}

/// How much to think, and the form of the answer.
fn shape(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    let budget = body.pointer("/thinking/budget_tokens").and_then(Value::as_u64);
    let asked = body.pointer("/output_config/effort").and_then(Value::as_str);
    let effort = match (text(body, "/thinking/type"), asked) {
        ("disabled", _) => None,
        ("" | "enabled" | "adaptive", Some("max")) => Some("xhigh"),
        ("" | "enabled" | "adaptive", Some(effort)) => Some(effort),
        ("enabled", None) => Some(match budget.unwrap_or(0) {
            0..MEDIUM_TOKENS => "low",
            MEDIUM_TOKENS..HIGH_TOKENS => "medium",
            _ => "high",
        }),
        ("adaptive", None) => Some("medium"),
        ("", None) => None,
        _ => {
            faults.push(cannot("thinking.type", "unknown kind", "use enabled, adaptive or disabled"));
            None
        }
    };
    if let Some(effort) = effort {
        request.other.insert("reasoning_effort".into(), effort.into());
    }
    match body.pointer("/output_config/format").filter(|format| !format.is_null()) {
        None => {}
        Some(format) if text(format, "/type") == "json_schema" => {
            let schema = format.get("schema").cloned().unwrap_or_default();
            let named = json!({"name": "answer", "strict": true, "schema": schema});
            request.response_format = Some(json!({"type": "json_schema", "json_schema": named}));
        }
        Some(_) => faults.push(cannot("output_config.format.type", "unknown form", "use json_schema")),
    }
}

fn add_message(messages: &mut Vec<ChatMessage>, message: &Value, place: &str, faults: &mut Faults) {
    let at = format!("{place}.content");
    let empty = Value::Null;
    let said = message.get("content").unwrap_or(&empty);
    match text(message, "/role") {
        "user" => add_user(messages, said, &at, faults),
        "assistant" => messages.push(assistant(said, &at, faults)),
        _ => faults.push(cannot(&format!("{place}.role"), "unknown role", "use user or assistant; system is a field")),
    }
}

/// Results of tools are messages of their own, before what the user says.
fn add_user(messages: &mut Vec<ChatMessage>, said: &Value, place: &str, faults: &mut Faults) {
    let Some(blocks) = said.as_array() else {
        let content = content(said, place, faults);
        return messages.push(ChatMessage { role: "user".into(), content, other: Map::new() });
    };
    let mut rest = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let at = format!("{place}[{index}]");
        if text(block, "/type") != "tool_result" {
            rest.extend(part(block, &at, faults));
            continue;
        }
        let result = block.get("content").filter(|result| !result.is_null());
        let content = result
            .map_or(Some(Content::Text(String::new())), |result| content(result, &format!("{at}.content"), faults));
        let id = [("tool_call_id".to_owned(), json!(text(block, "/tool_use_id")))];
        messages.push(ChatMessage { role: "tool".into(), content, other: Map::from_iter(id) });
    }
    if !rest.is_empty() {
        messages.push(ChatMessage { role: "user".into(), content: Some(Content::Parts(rest)), other: Map::new() });
    }
}

fn assistant(said: &Value, place: &str, faults: &mut Faults) -> ChatMessage {
    let (mut parts, mut calls, mut thoughts) = (Vec::new(), Vec::new(), Vec::new());
    for (index, block) in said.as_array().into_iter().flatten().enumerate() {
        match text(block, "/type") {
            "tool_use" => {
                let arguments = block.get("input").unwrap_or(&Value::Null).to_string();
                let function = json!({"name": text(block, "/name"), "arguments": arguments});
                calls.push(json!({"id": text(block, "/id"), "type": "function", "function": function}));
            }
            "thinking" | "redacted_thinking" => thoughts.push(block.clone()),
            _ => parts.extend(part(block, &format!("{place}[{index}]"), faults)),
        }
    }
    let content = match said {
        Value::Array(_) => (!parts.is_empty()).then_some(Content::Parts(parts)),
        _ => content(said, place, faults),
    };
    let others = [("tool_calls", calls), ("thinking_blocks", thoughts)];
    let other =
        others.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), list.into()));
    ChatMessage { role: "assistant".into(), content, other: other.collect() }
}

/// A text, or a list of blocks that are no calls.
fn content(said: &Value, place: &str, faults: &mut Faults) -> Option<Content> {
    match said {
        Value::String(text) => Some(Content::Text(text.clone())),
        Value::Array(blocks) => {
            let parts = blocks.iter().enumerate();
            Some(Content::Parts(
                parts.filter_map(|(index, block)| part(block, &format!("{place}[{index}]"), faults)).collect(),
            ))
        }
        _ => {
            faults.push(cannot(place, "neither a text nor a list of blocks", "send one of them"));
            None
        }
    }
}

fn part(block: &Value, place: &str, faults: &mut Faults) -> Option<Part> {
    let mut other = Map::new();
    if let Some(marker) = block.get("cache_control") {
        other.insert("cache_control".into(), marker.clone());
    }
    let url = match text(block, "/source/type") {
        "base64" => format!("data:{};base64,{}", text(block, "/source/media_type"), text(block, "/source/data")),
        "url" => text(block, "/source/url").to_owned(),
        _ => String::new(),
    };
    match text(block, "/type") {
        "text" => Some(Part { kind: "text".into(), text: Some(text(block, "/text").to_owned()), other }),
        "image" if !url.is_empty() => {
            other.insert("image_url".into(), json!({"url": url}));
            Some(Part { kind: "image_url".into(), text: None, other })
        }
        "document" if url.starts_with("data:") => {
            let name = block.get("title").and_then(Value::as_str).unwrap_or("document.pdf");
            other.insert("file".into(), json!({"filename": name, "file_data": url}));
            Some(Part { kind: "file".into(), text: None, other })
        }
        _ => {
            faults.push(cannot(
                place,
                "a block that is not served",
                "use text, image, document (base64), tool_use or tool_result",
            ));
            None
        }
    }
}
