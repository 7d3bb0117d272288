//! A request in Bedrock's words.

use crate::domain::{
    failure::Failure,
    wire::{
        Asked,
        conversation::{Block, Conversation, Kind, Speaker},
        media::Media,
        options::{Effort, Format, Options},
        tools::{Choice, Tool},
        unsupported,
        warnings::Warnings,
    },
};
use neptune_contracts::{problem::Problem, resource::Reasoning};
use serde_json::{Map, Value, json};

/// The least a model that thinks by a number of tokens takes.
const LEAST_BUDGET_TOKENS: u64 = 1_024;
const JSON_ONLY: &str = "Answer with a single JSON object and nothing else.";

pub(super) fn body(asked: &Asked<'_>) -> Result<(Value, Vec<Problem>), Failure> {
    let mut warnings = Warnings::of("Bedrock");
    let conversation = Conversation::read(asked.input, &mut warnings)?;
    let options = Options::read(asked.input, &mut warnings)?;
    options.only_one_answer()?;
    options.leave_out_sampling(&mut warnings);
    let mut body = Map::new();
    let mut system = blocks(&conversation.system)?;
    if options.format == Format::Json {
        warnings.changed("response_format", "Bedrock has no json_object, so an instruction asks for it");
        system.push(json!({"text": JSON_ONLY}));
    }
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    let mut messages = Vec::with_capacity(conversation.turns.len());
    for turn in &conversation.turns {
        let role = if turn.speaker == Speaker::User { "user" } else { "assistant" };
        messages.push(json!({"role": role, "content": blocks(&turn.blocks)?}));
    }
    body.insert("messages".into(), messages.into());
    offer_tools(&mut body, &options, &conversation, &mut warnings)?;
    let thinks = think(&mut body, asked, &options, &conversation, &mut warnings);
    infer(&mut body, &options, thinks, &mut warnings);
    if let Format::Schema { name, schema } = options.format {
        let structure = json!({"jsonSchema": {"name": name, "schema": schema.to_string()}});
        let format = json!({"type": "json_schema", "structure": structure});
        body.insert("outputConfig".into(), json!({"textFormat": format}));
    }
    Ok((Value::Object(body), warnings.into_problems()))
}

/// Each piece, and a mark behind those that are worth keeping in the cache.
fn blocks(blocks: &[Block<'_>]) -> Result<Vec<Value>, Failure> {
    let mut written = Vec::with_capacity(blocks.len());
    for found in blocks {
        if let Some(block) = block(&found.kind)? {
            written.push(block);
        }
        if let Some(marker) = found.cache {
            written.push(cache_point(marker));
        }
    }
    Ok(written)
}

fn cache_point(marker: &Value) -> Value {
    match marker.get("ttl").and_then(Value::as_str) {
        Some(ttl) => json!({"cachePoint": {"type": "default", "ttl": ttl}}),
        None => json!({"cachePoint": {"type": "default"}}),
    }
}

fn block(kind: &Kind<'_>) -> Result<Option<Value>, Failure> {
    Ok(match kind {
        Kind::Text(text) => Some(json!({"text": text})),
        Kind::Media(media) => Some(shown(media)?),
        Kind::Call { id, name, arguments, .. } => {
            Some(json!({"toolUse": {"toolUseId": id, "name": name, "input": arguments}}))
        }
        Kind::Result { id, content, .. } => {
            let content: Vec<Option<Value>> = content.iter().map(block).collect::<Result<_, _>>()?;
            let content: Vec<Value> = content.into_iter().flatten().collect();
            Some(json!({"toolResult": {"toolUseId": id, "content": content}}))
        }
        Kind::Thinking(thought) => thinking(thought),
    })
}

/// Thoughts in the form Anthropic signs them in.
fn thinking(thought: &Value) -> Option<Value> {
    let text = |field: &str| thought.get(field).and_then(Value::as_str);
    match text("type")? {
        "thinking" => Some(json!({"reasoningContent": {
            "reasoningText": {"text": text("thinking")?, "signature": text("signature")?}
        }})),
        "redacted_thinking" => Some(json!({"reasoningContent": {"redactedContent": text("data")?}})),
        _ => None,
    }
}

fn shown(media: &Media<'_>) -> Result<Value, Failure> {
    let Media::Inline { mime, base64, name } = media else {
        return Err(unsupported("Bedrock fetches no images; send them as data URLs"));
    };
    let source = json!({"bytes": base64});
    match *mime {
        "image/png" => Ok(json!({"image": {"format": "png", "source": source}})),
        "image/jpeg" => Ok(json!({"image": {"format": "jpeg", "source": source}})),
        "image/gif" => Ok(json!({"image": {"format": "gif", "source": source}})),
        "image/webp" => Ok(json!({"image": {"format": "webp", "source": source}})),
        "application/pdf" => Ok(json!({"document": {"format": "pdf", "name": document_name(*name), "source": source}})),
        _ => Err(unsupported("Bedrock takes images in png, jpeg, gif and webp, and pdf files")),
    }
}

/// Bedrock allows letters, digits, single spaces, hyphens and brackets in the name of a document.
fn document_name(name: Option<&str>) -> String {
    let stem = name.map_or("document", |name| name.split('.').next().unwrap_or(name));
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { '-' };
    let name: String = stem.chars().take(200).map(allowed).collect();
    if name.is_empty() { "document".into() } else { name }
}

fn offer_tools(
    body: &mut Map<String, Value>,
    options: &Options<'_>,
    conversation: &Conversation<'_>,
    warnings: &mut Warnings,
) -> Result<(), Failure> {
    if options.tools.is_empty() {
        return Ok(());
    }
    let choice = match options.choice {
        Choice::Auto => None,
        Choice::Any => Some(json!({"any": {}})),
        Choice::Named(name) => Some(json!({"tool": {"name": name}})),
        Choice::Never if conversation.has_calls() => {
            return Err(unsupported("Bedrock cannot forbid tools that were called before (tool_choice none)"));
        }
        Choice::Never => return Ok(()),
    };
    let mut tools = Vec::with_capacity(options.tools.len());
    for found in &options.tools {
        tools.push(tool(found));
        tools.extend(found.cache.map(cache_point));
    }
    let mut config = json!({"tools": tools});
    if let (Some(choice), Some(fields)) = (choice, config.as_object_mut()) {
        fields.insert("toolChoice".into(), choice);
    }
    body.insert("toolConfig".into(), config);
    if !options.parallel {
        warnings.left_out("parallel_tool_calls");
    }
    Ok(())
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut spec = Map::new();
    spec.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description.filter(|description| !description.is_empty()) {
        spec.insert("description".into(), description.into());
    }
    spec.insert("inputSchema".into(), json!({"json": tool.parameters}));
    if tool.strict {
        spec.insert("strict".into(), true.into());
    }
    json!({"toolSpec": spec})
}

/// Asks the model to think as much as the request says; whether it will. Converse has no word of its
/// own for a number of tokens; these are the ones of the models that think so.
fn think(
    body: &mut Map<String, Value>,
    asked: &Asked<'_>,
    options: &Options<'_>,
    conversation: &Conversation<'_>,
    warnings: &mut Warnings,
) -> bool {
    let Some(effort) = options.effort.filter(|effort| *effort != Effort::None) else { return false };
    let limit = options.max_tokens.unwrap_or(asked.model.capabilities.max_output_tokens);
    let budget = effort.budget_tokens().min(limit / 2);
    let reason = match asked.model.reasoning {
        None => Some("the model resource does not say how this model is told (spec.reasoning)"),
        _ if matches!(options.choice, Choice::Any | Choice::Named(_)) => Some("a forced call of a tool excludes it"),
        _ if conversation.goes_on_without_thoughts() => {
            Some("the thoughts that led to the calls of tools did not come with the messages (thinking_blocks)")
        }
        Some(Reasoning::Budget) if budget < LEAST_BUDGET_TOKENS => {
            Some("max_completion_tokens leaves no room for it; give 2048 or more")
        }
        _ => None,
    };
    if let Some(reason) = reason {
        warnings.left_out_because("reasoning_effort", reason);
        return false;
    }
    let fields = if asked.model.reasoning == Some(Reasoning::Effort) {
        let word = match effort {
            Effort::None | Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::ExtraHigh => "xhigh",
        };
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}})
    } else {
        json!({"thinking": {"type": "enabled", "budget_tokens": budget}})
    };
    body.insert("additionalModelRequestFields".into(), fields);
    true
}

fn infer(body: &mut Map<String, Value>, options: &Options<'_>, thinks: bool, warnings: &mut Warnings) {
    let mut config = Map::new();
    if let Some(tokens) = options.max_tokens {
        config.insert("maxTokens".into(), tokens.into());
    }
    if !options.stop.is_empty() {
        config.insert("stopSequences".into(), options.stop.clone().into());
    }
    let asked = [("temperature", "temperature", options.temperature), ("topP", "top_p", options.top_p)];
    for (name, field, value) in asked {
        let Some(value) = value else { continue };
        if thinks {
            warnings.left_out_because(field, "a model that thinks takes none");
            continue;
        }
        if value > 1.0 {
            warnings.changed(field, "Bedrock's highest is 1, so 1 was sent");
        }
        config.insert(name.into(), value.min(1.0).into());
    }
    if !config.is_empty() {
        body.insert("inferenceConfig".into(), config.into());
    }
}
