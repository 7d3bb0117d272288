//! A request in the words of OpenAI Responses.

use crate::domain::{
    failure::Failure,
    wire::{
        Asked,
        media::shortened,
        options::{Format, Options},
        tools::{Choice, Tool},
        unsupported,
        warnings::Warnings,
    },
};
use neptune_contracts::{
    chat::{ChatMessage, ChatRequest, Content, Part},
    problem::Problem,
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Fields that mean the same in both formats.
const SAME: [&str; 7] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "user",
];

pub(super) fn body(asked: &Asked<'_>) -> Result<(Value, Vec<Problem>), Failure> {
    let mut warnings = Warnings::of("OpenAI Responses");
    // Only this format of others has a word for it.
    let verbosity = asked.input.other.get("verbosity").filter(|verbosity| !verbosity.is_null());
    let rest =
        if verbosity.is_some() { Cow::Owned(without_verbosity(asked.input)) } else { Cow::Borrowed(asked.input) };
    let options = Options::read(&rest, &mut warnings)?;
    options.only_one_answer()?;
    options.leave_out_sampling(&mut warnings);
    if !options.stop.is_empty() {
        return Err(unsupported("stop has no word in OpenAI Responses"));
    }
    let mut body = Map::new();
    body.insert("model".into(), asked.upstream_model.into());
    body.insert("input".into(), items(asked.input)?.into());
    body.insert("store".into(), false.into());
    for (name, value) in [
        ("max_output_tokens", options.max_tokens.map(Value::from)),
        ("temperature", options.temperature.map(Value::from)),
        ("top_p", options.top_p.map(Value::from)),
    ] {
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    for name in SAME {
        let Some(value) = asked.input.other.get(name).filter(|value| !value.is_null()) else { continue };
        match name {
            "reasoning_effort" => body.insert("reasoning".into(), json!({ "effort": value })),
            _ => body.insert(name.into(), value.clone()),
        };
    }
    let text = text(asked.input, &options, verbosity);
    if !text.is_empty() {
        body.insert("text".into(), text.into());
    }
    offer_tools(&mut body, &options);
    Ok((Value::Object(body), warnings.into_problems()))
}

fn without_verbosity(input: &ChatRequest) -> ChatRequest {
    let mut input = input.clone();
    input.other.remove("verbosity");
    input
}

/// The form of the answer, and how much it says.
fn text(input: &ChatRequest, options: &Options<'_>, verbosity: Option<&Value>) -> Map<String, Value> {
    let mut text = Map::new();
    let format = match options.format {
        Format::Text => None,
        Format::Json => Some(json!({"type": "json_object"})),
        Format::Schema { name, schema } => {
            let declared = input.response_format.as_ref().and_then(|format| format.get("json_schema"));
            let mut format = declared.and_then(Value::as_object).cloned().unwrap_or_default();
            format.extend([
                ("type".to_owned(), json!("json_schema")),
                ("name".to_owned(), json!(name)),
                ("schema".to_owned(), schema.clone()),
            ]);
            Some(Value::Object(format))
        }
    };
    text.extend(format.map(|format| ("format".to_owned(), format)));
    text.extend(verbosity.map(|verbosity| ("verbosity".to_owned(), verbosity.clone())));
    text
}

fn offer_tools(body: &mut Map<String, Value>, options: &Options<'_>) {
    if options.tools.is_empty() {
        return;
    }
    let tool = |tool: &Tool<'_>| {
        // Said in any case: what is left open means true here and false in a chat completion.
        let mut written =
            json!({"type": "function", "name": tool.name, "parameters": tool.parameters, "strict": tool.strict});
        if let (Some(description), Some(fields)) = (tool.description, written.as_object_mut()) {
            fields.insert("description".into(), description.into());
        }
        written
    };
    body.insert("tools".into(), options.tools.iter().map(tool).collect());
    let choice = match options.choice {
        Choice::Auto => json!("auto"),
        Choice::Never => json!("none"),
        Choice::Any => json!("required"),
        Choice::Named(name) => json!({"type": "function", "name": name}),
    };
    body.insert("tool_choice".into(), choice);
    body.insert("parallel_tool_calls".into(), options.parallel.into());
}

/// The conversation as items.
fn items(input: &ChatRequest) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::with_capacity(input.messages.len());
    for (index, message) in input.messages.iter().enumerate() {
        let place = format!("messages[{index}]");
        match message.role.as_str() {
            "assistant" => add_assistant(message, &place, &mut items)?,
            "tool" => {
                let id = message.other.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
                let output = content(message, &place)?;
                items.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
            }
            role => items.push(json!({"type": "message", "role": role, "content": content(message, &place)?})),
        }
    }
    Ok(items)
}

/// What a caller or a tool said.
fn content(message: &ChatMessage, place: &str) -> Result<Value, Failure> {
    Ok(match &message.content {
        Some(Content::Parts(parts)) => {
            parts.iter().map(|part| input(part, place)).collect::<Result<Vec<Value>, Failure>>()?.into()
        }
        _ => message.texts().collect::<String>().into(),
    })
}

fn add_assistant(message: &ChatMessage, place: &str, items: &mut Vec<Value>) -> Result<(), Failure> {
    let mut content: Vec<Value> = match &message.content {
        Some(Content::Parts(parts)) => parts.iter().map(|part| answered(part, place)).collect::<Result<_, _>>()?,
        _ => message.texts().filter(|text| !text.is_empty()).map(output_text).collect(),
    };
    let refusal = message.other.get("refusal").and_then(Value::as_str).filter(|refusal| !refusal.is_empty());
    content.extend(refusal.map(|refusal| json!({"type": "refusal", "refusal": refusal})));
    if !content.is_empty() {
        items.push(json!({"type": "message", "role": "assistant", "content": content}));
    }
    if message.other.contains_key("function_call") {
        return Err(unsupported(format!("{place}.function_call is the old form; use tool_calls")));
    }
    let calls = message.other.get("tool_calls").and_then(Value::as_array);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str);
        let wrong = || unsupported(format!("{place}.tool_calls[{index}] is no call of a function"));
        let name = text("/function/name").ok_or_else(wrong)?;
        let arguments = text("/function/arguments").filter(|arguments| !arguments.trim().is_empty()).unwrap_or("{}");
        let id = text("/id").unwrap_or_default();
        items.push(json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}));
    }
    Ok(())
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text})
}

/// A part of what an assistant said.
fn answered(part: &Part, place: &str) -> Result<Value, Failure> {
    match part.kind.as_str() {
        "text" => Ok(output_text(part.text.as_deref().unwrap_or_default())),
        "refusal" => Ok(json!({"type": "refusal", "refusal": part.other.get("refusal")})),
        kind => Err(unknown(kind, place)),
    }
}

fn input(part: &Part, place: &str) -> Result<Value, Failure> {
    match part.kind.as_str() {
        "text" => Ok(json!({"type": "input_text", "text": part.text})),
        "image_url" => {
            let image = part.other.get("image_url");
            let field = |name: &str| image.and_then(|image| image.get(name));
            let detail = field("detail").and_then(Value::as_str).unwrap_or("auto");
            Ok(json!({"type": "input_image", "image_url": field("url").or(image), "detail": detail}))
        }
        "file" => {
            let given = part.other.get("file");
            let mut file = Map::from_iter([("type".to_owned(), json!("input_file"))]);
            for name in ["file_data", "file_id", "filename"] {
                let value = given.and_then(|given| given.get(name)).filter(|value| !value.is_null());
                file.extend(value.map(|value| (name.to_owned(), value.clone())));
            }
            Ok(Value::Object(file))
        }
        kind => Err(unknown(kind, place)),
    }
}

fn unknown(kind: &str, place: &str) -> Failure {
    unsupported(format!("{place} holds a part of type {:?}, which cannot be translated", shortened(kind)))
}
