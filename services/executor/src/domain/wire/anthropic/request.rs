//! A request in Anthropic's words.

use crate::domain::{
    failure::Failure,
    wire::{
        Asked,
        conversation::{Block, Conversation, Kind, Speaker, Turn},
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
    let mut warnings = Warnings::of("Anthropic");
    let conversation = Conversation::read(asked.input, &mut warnings)?;
    let options = Options::read(asked.input, &mut warnings)?;
    options.only_one_answer()?;
    options.leave_out_sampling(&mut warnings);
    let max_tokens = options.max_tokens.unwrap_or(asked.model.capabilities.max_output_tokens).max(1);
    let mut body = Map::new();
    body.insert("model".into(), asked.upstream_model.into());
    body.insert("max_tokens".into(), max_tokens.into());
    let mut system = blocks(&conversation.system)?;
    if options.format == Format::Json {
        warnings.changed("response_format", "Anthropic has no json_object, so an instruction asks for it");
        system.push(json!({"type": "text", "text": JSON_ONLY}));
    }
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    body.insert("messages".into(), conversation.turns.iter().map(message).collect::<Result<Vec<_>, _>>()?.into());
    if !options.stop.is_empty() {
        body.insert("stop_sequences".into(), options.stop.clone().into());
    }
    if let Some(user) = options.user {
        body.insert("metadata".into(), json!({"user_id": user}));
    }
    offer_tools(&mut body, &options);
    let thinks = think(&mut body, asked, &options, &conversation, &mut warnings);
    sample(&mut body, &options, thinks, &mut warnings);
    if let Format::Schema { schema, .. } = options.format {
        let config = body.entry("output_config").or_insert_with(|| json!({}));
        if let Some(config) = config.as_object_mut() {
            config.insert("format".into(), json!({"type": "json_schema", "schema": schema}));
        }
    }
    Ok((Value::Object(body), warnings.into_problems()))
}

fn message(turn: &Turn<'_>) -> Result<Value, Failure> {
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    Ok(json!({"role": role, "content": blocks(&turn.blocks)?}))
}

fn blocks(blocks: &[Block<'_>]) -> Result<Vec<Value>, Failure> {
    let one = |found: &Block<'_>| {
        let mut written = block(&found.kind)?;
        if let (Some(marker), Some(fields)) = (found.cache, written.as_object_mut()) {
            fields.insert("cache_control".into(), marker.clone());
        }
        Ok(written)
    };
    blocks.iter().map(one).collect()
}

fn block(kind: &Kind<'_>) -> Result<Value, Failure> {
    Ok(match kind {
        Kind::Text(text) => json!({"type": "text", "text": text}),
        Kind::Media(media) => shown(media)?,
        Kind::Call { id, name, arguments, .. } => {
            json!({"type": "tool_use", "id": id, "name": name, "input": arguments})
        }
        Kind::Result { id, content, .. } => {
            let content: Vec<Value> = content.iter().map(block).collect::<Result<_, _>>()?;
            json!({"type": "tool_result", "tool_use_id": id, "content": content})
        }
        Kind::Thinking(thought) => (*thought).clone(),
    })
}

fn shown(media: &Media<'_>) -> Result<Value, Failure> {
    let (kind, source) = match media {
        Media::Inline { mime, base64, .. } => {
            (kind_of(mime)?, json!({"type": "base64", "media_type": mime, "data": base64}))
        }
        Media::Remote(url) => ("image", json!({"type": "url", "url": url})),
    };
    Ok(json!({"type": kind, "source": source}))
}

fn kind_of(mime: &str) -> Result<&'static str, Failure> {
    match mime {
        "application/pdf" => Ok("document"),
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => Ok("image"),
        _ => Err(unsupported("Anthropic takes images in png, jpeg, gif and webp, and pdf files")),
    }
}

fn offer_tools(body: &mut Map<String, Value>, options: &Options<'_>) {
    if options.tools.is_empty() {
        return;
    }
    body.insert("tools".into(), options.tools.iter().map(tool).collect());
    let mut choice = match options.choice {
        Choice::Auto => json!({"type": "auto"}),
        Choice::Never => json!({"type": "none"}),
        Choice::Any => json!({"type": "any"}),
        Choice::Named(name) => json!({"type": "tool", "name": name}),
    };
    if let (false, Some(fields)) = (options.parallel || options.choice == Choice::Never, choice.as_object_mut()) {
        fields.insert("disable_parallel_tool_use".into(), true.into());
    }
    if options.choice != Choice::Auto || !options.parallel {
        body.insert("tool_choice".into(), choice);
    }
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut written = Map::new();
    written.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description {
        written.insert("description".into(), description.into());
    }
    written.insert("input_schema".into(), tool.parameters.clone());
    if tool.strict {
        written.insert("strict".into(), true.into());
    }
    if let Some(marker) = tool.cache {
        written.insert("cache_control".into(), marker.clone());
    }
    Value::Object(written)
}

/// Asks the model to think as much as the request says; whether it will.
fn think(
    body: &mut Map<String, Value>,
    asked: &Asked<'_>,
    options: &Options<'_>,
    conversation: &Conversation<'_>,
    warnings: &mut Warnings,
) -> bool {
    let Some(effort) = options.effort else { return false };
    if effort == Effort::None {
        return false;
    }
    let reason = match asked.model.reasoning {
        None => Some("the model resource does not say how this model is told (spec.reasoning)"),
        _ if matches!(options.choice, Choice::Any | Choice::Named(_)) => Some("a forced call of a tool excludes it"),
        _ if conversation.goes_on_without_thoughts() => {
            Some("the thoughts that led to the calls of tools did not come with the messages (thinking_blocks)")
        }
        _ => None,
    };
    if let Some(reason) = reason {
        warnings.left_out_because("reasoning_effort", reason);
        return false;
    }
    if asked.model.reasoning == Some(Reasoning::Effort) {
        body.insert("thinking".into(), json!({"type": "adaptive"}));
        body.insert("output_config".into(), json!({"effort": word(effort)}));
        return true;
    }
    let max_tokens = body.get("max_tokens").and_then(Value::as_u64).unwrap_or_default();
    // Thinking counts as output, so half of what is allowed stays for the answer.
    let budget = effort.budget_tokens().min(max_tokens / 2);
    if budget < LEAST_BUDGET_TOKENS {
        warnings.left_out_because("reasoning_effort", "max_completion_tokens leaves no room for it; give 2048 or more");
        return false;
    }
    body.insert("thinking".into(), json!({"type": "enabled", "budget_tokens": budget}));
    true
}

const fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
    }
}

/// Anthropic's temperature ends at 1, and newer models take one of temperature and `top_p`. A model
/// that thinks takes neither.
fn sample(body: &mut Map<String, Value>, options: &Options<'_>, thinks: bool, warnings: &mut Warnings) {
    if thinks {
        for (name, is_asked) in [("temperature", options.temperature.is_some()), ("top_p", options.top_p.is_some())] {
            if is_asked {
                warnings.left_out_because(name, "a model that thinks takes none");
            }
        }
        return;
    }
    if let Some(temperature) = options.temperature {
        if temperature > 1.0 {
            warnings.changed("temperature", "Anthropic's highest is 1, so 1 was sent");
        }
        body.insert("temperature".into(), temperature.min(1.0).into());
        if options.top_p.is_some() {
            warnings.left_out_because("top_p", "Anthropic takes one of temperature and top_p");
        }
    } else if let Some(top_p) = options.top_p {
        body.insert("top_p".into(), top_p.into());
    }
}
