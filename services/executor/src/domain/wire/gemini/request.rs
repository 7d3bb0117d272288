//! A request in Gemini's words.

use crate::domain::{
    failure::Failure,
    wire::{
        Asked,
        conversation::{Block, Conversation, Kind, Speaker, Turn},
        media::{Media, mime_of_path},
        options::{Effort, Format, Options},
        tools::{Choice, Tool},
        unsupported,
        warnings::Warnings,
    },
};
use neptune_contracts::{
    problem::Problem,
    resource::{ModelSpec, Reasoning},
};
use serde_json::{Map, Value, json};

/// Most answers to one request.
const ANSWERS_LIMIT: u32 = 8;
/// What Google documents for calls that another model made, which nobody signed.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(super) fn body(asked: &Asked<'_>) -> Result<(Value, Vec<Problem>), Failure> {
    let mut warnings = Warnings::of("Gemini");
    let conversation = Conversation::read(asked.input, &mut warnings)?;
    let options = Options::read(asked.input, &mut warnings)?;
    let signs = asked.model.reasoning == Some(Reasoning::Effort);
    let mut body = Map::new();
    if !conversation.system.is_empty() {
        body.insert("systemInstruction".into(), json!({"parts": parts(&conversation.system, signs, &mut warnings)?}));
    }
    let contents: Result<Vec<Value>, Failure> =
        conversation.turns.iter().map(|turn| content(turn, signs, &mut warnings)).collect();
    body.insert("contents".into(), contents?.into());
    offer_tools(&mut body, &options, &mut warnings);
    let config = generation(asked.model, &options, &mut warnings)?;
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    Ok((Value::Object(body), warnings.into_problems()))
}

fn content(turn: &Turn<'_>, signs: bool, warnings: &mut Warnings) -> Result<Value, Failure> {
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Assistant => "model",
    };
    Ok(json!({"role": role, "parts": parts(&turn.blocks, signs, warnings)?}))
}

/// `signs`: the model wants the first call of a turn signed.
fn parts(blocks: &[Block<'_>], signs: bool, warnings: &mut Warnings) -> Result<Vec<Value>, Failure> {
    let mut parts = Vec::with_capacity(blocks.len());
    let mut is_first_call = true;
    for block in blocks {
        if block.cache.is_some() {
            warnings.left_out_because("messages", "Gemini keeps what repeats in its cache without cache_control");
        }
        match &block.kind {
            Kind::Text(text) => parts.push(json!({"text": text})),
            Kind::Media(media) => parts.push(shown(media)),
            Kind::Call { id, name, arguments, signature } => {
                let mut part = json!({"functionCall": {"id": id, "name": name, "args": arguments}});
                let missing = (signs && is_first_call).then_some(NO_SIGNATURE);
                if let (Some(signature), Some(fields)) = (signature.or(missing), part.as_object_mut()) {
                    fields.insert("thoughtSignature".into(), signature.into());
                }
                is_first_call = false;
                parts.push(part);
            }
            Kind::Result { id, name, content } => parts.extend(result(id, name, content)),
            // Another provider's thoughts mean nothing here.
            Kind::Thinking(_) => {}
        }
    }
    Ok(parts)
}

fn shown(media: &Media<'_>) -> Value {
    match media {
        Media::Inline { mime, base64, .. } => json!({"inlineData": {"mimeType": mime, "data": base64}}),
        Media::Remote(url) => match mime_of_path(url) {
            Some(mime) => json!({"fileData": {"mimeType": mime, "fileUri": url}}),
            None => json!({"fileData": {"fileUri": url}}),
        },
    }
}

/// The result of a call, and what of it is no text beside it.
fn result(id: &str, name: &str, content: &[Kind<'_>]) -> Vec<Value> {
    let texts: Vec<&str> =
        content.iter().filter_map(|kind| if let Kind::Text(text) = kind { Some(*text) } else { None }).collect();
    let text = texts.join("\n");
    let response = match serde_json::from_str::<Value>(&text) {
        Ok(object) if object.is_object() => object,
        _ => json!({"result": text}),
    };
    let mut parts = vec![json!({"functionResponse": {"id": id, "name": name, "response": response}})];
    parts.extend(
        content.iter().filter_map(|kind| if let Kind::Media(media) = kind { Some(shown(media)) } else { None }),
    );
    parts
}

fn offer_tools(body: &mut Map<String, Value>, options: &Options<'_>, warnings: &mut Warnings) {
    if options.tools.is_empty() {
        return;
    }
    let declared: Vec<Value> = options.tools.iter().map(declaration).collect();
    body.insert("tools".into(), json!([{"functionDeclarations": declared}]));
    let calling = match options.choice {
        Choice::Auto => None,
        Choice::Never => Some(json!({"mode": "NONE"})),
        Choice::Any => Some(json!({"mode": "ANY"})),
        Choice::Named(name) => Some(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
    };
    if let Some(calling) = calling {
        body.insert("toolConfig".into(), json!({"functionCallingConfig": calling}));
    }
    if !options.parallel {
        warnings.left_out("parallel_tool_calls");
    }
}

fn declaration(tool: &Tool<'_>) -> Value {
    let mut declared = Map::new();
    declared.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description {
        declared.insert("description".into(), description.into());
    }
    declared.insert("parametersJsonSchema".into(), tool.parameters.clone());
    Value::Object(declared)
}

fn generation(
    model: &ModelSpec,
    options: &Options<'_>,
    warnings: &mut Warnings,
) -> Result<Map<String, Value>, Failure> {
    if options.answers > ANSWERS_LIMIT {
        return Err(unsupported("n is above 8, the most answers Gemini gives"));
    }
    let format = match options.format {
        Format::Text => (None, None),
        Format::Json => (Some(json!("application/json")), None),
        Format::Schema { schema, .. } => (Some(json!("application/json")), Some(schema.clone())),
    };
    let fields = [
        ("maxOutputTokens", options.max_tokens.map(|tokens| json!(tokens))),
        ("temperature", options.temperature.map(|temperature| json!(temperature))),
        ("topP", options.top_p.map(|top_p| json!(top_p))),
        ("candidateCount", Some(options.answers).filter(|answers| *answers > 1).map(|answers| json!(answers))),
        ("stopSequences", Some(&options.stop).filter(|stop| !stop.is_empty()).map(|stop| json!(stop))),
        ("seed", options.seed.map(|seed| json!(seed))),
        ("frequencyPenalty", options.frequency_penalty.map(|penalty| json!(penalty))),
        ("presencePenalty", options.presence_penalty.map(|penalty| json!(penalty))),
        ("responseMimeType", format.0),
        ("responseJsonSchema", format.1),
        ("thinkingConfig", options.effort.and_then(|effort| thinking(effort, model.reasoning, warnings))),
    ];
    Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

fn thinking(effort: Effort, reasoning: Option<Reasoning>, warnings: &mut Warnings) -> Option<Value> {
    let level = match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::ExtraHigh => "HIGH",
    };
    match reasoning {
        Some(Reasoning::Effort) => Some(json!({"thinkingLevel": level})),
        Some(Reasoning::Budget) => Some(json!({"thinkingBudget": effort.budget_tokens()})),
        None if effort == Effort::None => None,
        None => {
            let reason = "the model resource does not say how this model is told (spec.reasoning)";
            warnings.left_out_because("reasoning_effort", reason);
            None
        }
    }
}
