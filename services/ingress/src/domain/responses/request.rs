//! A request.

mod items;

use super::text;
use crate::domain::json;
use neptune_contracts::{
    chat::{ChatMessage, ChatRequest},
    problem::Problem,
};
use serde_json::{Map, Value, json};

/// What is wrong so far.
type Faults = Vec<Problem>;

/// The fields that are read, and those that mean the same without being read: what is kept of a response
/// there, and how a stream is padded.
const FIELDS: [&str; 28] = [
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
/// Fields that go on to the model as they are.
const PASSED_ON: [&str; 6] =
    ["parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "user"];
/// Thoughts as their model wants them back.
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    /// As a chat completion.
    pub request: ChatRequest,
    /// The caller's own labels, kept with the task.
    pub labels: Map<String, Value>,
    /// What the response repeats of the request.
    pub echo: Echo,
}

/// What a response repeats of its request.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    /// The fields.
    pub fields: Map<String, Value>,
    /// Thoughts are given back as their model wants them.
    pub with_thoughts: bool,
}

/// A request as a chat completion.
///
/// # Errors
/// Everything in it that is wrong, or that a chat completion cannot say.
pub fn read(body: &[u8]) -> Result<Asked, Vec<Problem>> {
    let body: Map<String, Value> = json::read(body).map_err(|problem| vec![problem])?;
    let body = Value::Object(body);
    let mut faults = Faults::new();
    for field in body.as_object().into_iter().flat_map(Map::keys).filter(|field| !FIELDS.contains(&field.as_str())) {
        faults.push(cannot(field, "this field is not served", "leave it out"));
    }
    refuse(&body, &mut faults);
    let mut request =
        ChatRequest { model: body.get("model").and_then(Value::as_str).map(str::to_owned), ..ChatRequest::default() };
    match body.get("instructions") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => request.messages.push(ChatMessage::text("system", text)),
        Some(_) => {
            faults.push(cannot("instructions", "no text", "send a text, or messages of the role system in input"))
        }
    }
    items::read(body.get("input").unwrap_or(&Value::Null), &mut request.messages, &mut faults);
    sample(&mut request, &body, &mut faults);
    offer_tools(&mut request, &body, &mut faults);
    shape(&mut request, &body, &mut faults);
    let labels = match body.get("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(labels)) => labels.clone(),
        Some(_) => {
            faults.push(cannot("metadata", "no JSON object", "send an object of texts, or leave it out"));
            Map::new()
        }
    };
    if faults.is_empty() { Ok(Asked { request, labels, echo: echo(&body) }) } else { Err(faults) }
}

fn cannot(field: &str, message: &str, remedy: &str) -> Problem {
    Problem::new(field, message, remedy)
}

/// Refuses what is kept at OpenAI, or runs there.
fn refuse(body: &Value, faults: &mut Faults) {
    let given = |field: &str| body.get(field).filter(|value| !value.is_null());
    let is_on = |field: &str| given(field).is_some_and(|value| *value != Value::Bool(false));
    let whole = "send the whole conversation in input";
    for (field, is_wrong, message, remedy) in [
        ("store", is_on("store"), "responses are not stored", "send store: false, or leave it out"),
        ("previous_response_id", is_on("previous_response_id"), "responses are not stored", whole),
        ("conversation", is_on("conversation"), "conversations are not stored", whole),
        (
            "background",
            is_on("background"),
            "not served here",
            "submit the work by POST /v1/tasks, and read its result later",
        ),
        ("prompt", is_on("prompt"), "prompts are not stored", "send its text in instructions"),
        ("max_tool_calls", is_on("max_tool_calls"), "tools run at the caller, who counts their calls", "leave it out"),
        (
            "truncation",
            given("truncation").is_some_and(|value| value != "disabled"),
            "nothing is cut out of a conversation",
            "send disabled or leave it out, and a shorter input",
        ),
        (
            "top_logprobs",
            given("top_logprobs").is_some_and(|value| value.as_u64() != Some(0)),
            "probabilities of tokens are not served here",
            "ask for them by POST /v1/chat/completions",
        ),
    ] {
        if is_wrong {
            faults.push(cannot(field, message, remedy));
        }
    }
    for (index, wanted) in given("include").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if wanted != ENCRYPTED {
            let remedy = "leave it out; reasoning.encrypted_content is served";
            faults.push(cannot(&format!("include[{index}]"), "not served", remedy));
        }
    }
}

fn sample(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    let given = |field: &str| body.get(field).filter(|value| !value.is_null());
    for (name, value) in [("temperature", &mut request.temperature), ("top_p", &mut request.top_p)] {
        let Some(found) = given(name) else { continue };
        *value = found.as_f64();
        if value.is_none() {
            faults.push(cannot(name, "not a number", "send a number or leave it out"));
        }
    }
    if let Some(limit) = given("max_output_tokens") {
        request.max_completion_tokens = limit.as_u64().and_then(|limit| u32::try_from(limit).ok());
        if request.max_completion_tokens.is_none() {
            faults.push(cannot("max_output_tokens", "no whole number", "send a number of 1 or more, or leave it out"));
        }
    }
    match given("stream") {
        None => {}
        Some(Value::Bool(stream)) => request.stream = Some(*stream),
        Some(_) => faults.push(cannot("stream", "not true or false", "send true or leave it out")),
    }
    for name in PASSED_ON {
        request.other.extend(given(name).map(|value| (name.to_owned(), value.clone())));
    }
}

fn offer_tools(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    let mut tools = Vec::new();
    for (index, tool) in body.get("tools").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if text(tool, "/type") != "function" || text(tool, "/name").is_empty() {
            let remedy = "send type: function with name and parameters; tools that run at OpenAI are not served";
            faults.push(cannot(&format!("tools[{index}].type"), "not a function of the caller's own", remedy));
            continue;
        }
        let mut function = Map::new();
        for name in ["name", "description", "parameters"] {
            function
                .extend(tool.get(name).filter(|value| !value.is_null()).map(|value| (name.to_owned(), value.clone())));
        }
        // What is left open means true here, and false in a chat completion.
        let is_strict = tool.get("strict").and_then(Value::as_bool).unwrap_or(true);
        function.insert("strict".into(), is_strict.into());
        tools.push(json!({"type": "function", "function": function}));
    }
    if !tools.is_empty() {
        request.tools = Some(tools);
    }
    let chosen = match body.get("tool_choice") {
        None | Some(Value::Null) => return,
        Some(Value::String(choice)) if ["auto", "none", "required"].contains(&choice.as_str()) => json!(choice),
        Some(choice) if text(choice, "/type") == "function" && !text(choice, "/name").is_empty() => {
            json!({"type": "function", "function": {"name": text(choice, "/name")}})
        }
        Some(_) => {
            let remedy = "use auto, none, required or {\"type\": \"function\", \"name\": …}";
            faults.push(cannot("tool_choice", "unknown choice", remedy));
            return;
        }
    };
    request.other.insert("tool_choice".into(), chosen);
}

/// How much to think and to say, and the form of the answer.
fn shape(request: &mut ChatRequest, body: &Value, faults: &mut Faults) {
    let at = |pointer: &str| body.pointer(pointer).filter(|value| !value.is_null());
    for (pointer, name) in [("/reasoning/effort", "reasoning_effort"), ("/text/verbosity", "verbosity")] {
        request.other.extend(at(pointer).map(|value| (name.to_owned(), value.clone())));
    }
    let Some(format) = at("/text/format") else { return };
    match text(format, "/type") {
        "text" => {}
        "json_object" => request.response_format = Some(json!({"type": "json_object"})),
        "json_schema" if format.get("schema").is_some_and(Value::is_object) => {
            let mut named = format.as_object().cloned().unwrap_or_default();
            named.remove("type");
            request.response_format = Some(json!({"type": "json_schema", "json_schema": named}));
        }
        "json_schema" => {
            let remedy = "send the JSON Schema of the answer";
            faults.push(cannot("text.format.schema", "missing or no JSON Schema", remedy));
        }
        _ => faults.push(cannot("text.format.type", "unknown form", "use text, json_object or json_schema")),
    }
}

/// What the response repeats, with the defaults of what was left out.
fn echo(body: &Value) -> Echo {
    let or = |field: &str, default: Value| body.get(field).filter(|value| !value.is_null()).cloned().unwrap_or(default);
    let nothing = || Value::Null;
    let fields = [
        ("instructions", nothing()),
        ("max_output_tokens", nothing()),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("prompt_cache_key", nothing()),
        ("reasoning", json!({"effort": null, "summary": null})),
        ("safety_identifier", nothing()),
        ("service_tier", json!("default")),
        ("temperature", json!(1.0)),
        ("text", json!({"format": {"type": "text"}})),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_p", json!(1.0)),
        ("user", nothing()),
    ];
    let mut fields: Map<String, Value> =
        fields.into_iter().map(|(field, default)| (field.to_owned(), or(field, default))).collect();
    fields.extend([
        ("background".to_owned(), json!(false)),
        ("max_tool_calls".to_owned(), Value::Null),
        ("previous_response_id".to_owned(), Value::Null),
        ("store".to_owned(), json!(false)),
        ("top_logprobs".to_owned(), json!(0)),
        ("truncation".to_owned(), json!("disabled")),
    ]);
    let include = body.get("include").and_then(Value::as_array);
    Echo { fields, with_thoughts: include.is_some_and(|include| include.iter().any(|wanted| wanted == ENCRYPTED)) }
}
