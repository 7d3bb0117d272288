//! A conversation, read from OpenAI's messages: instructions apart, turns that alternate.

use super::{
    media::{self, Media},
    unsupported,
    warnings::Warnings,
};
use crate::domain::failure::Failure;
use neptune_contracts::chat::{ChatMessage, ChatRequest, Content};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The caller, and the tools it ran.
    User,
    /// The model.
    Assistant,
}

/// A conversation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Conversation<'a> {
    /// What the system and developer messages say.
    pub(super) system: Vec<Block<'a>>,
    /// The turns; neighbours have different speakers.
    pub(super) turns: Vec<Turn<'a>>,
}

/// What one side says before the other does.
#[derive(Debug, PartialEq)]
pub(super) struct Turn<'a> {
    pub(super) speaker: Speaker,
    pub(super) blocks: Vec<Block<'a>>,
}

/// One piece of a turn.
#[derive(Debug, PartialEq)]
pub(super) struct Block<'a> {
    pub(super) kind: Kind<'a>,
    /// Everything up to here is worth keeping in the provider's cache.
    pub(super) cache: Option<&'a Value>,
}

/// What a piece holds.
#[derive(Debug, PartialEq)]
pub(super) enum Kind<'a> {
    Text(&'a str),
    Media(Media<'a>),
    /// The model calls a tool.
    Call {
        id: &'a str,
        name: &'a str,
        arguments: Value,
        /// What Gemini wants back with the call.
        signature: Option<&'a str>,
    },
    /// What a tool returned.
    Result {
        id: &'a str,
        name: &'a str,
        content: Vec<Kind<'a>>,
    },
    /// What a model thought, as Anthropic signs it.
    Thinking(&'a Value),
}

impl<'a> Conversation<'a> {
    /// Reads the messages.
    ///
    /// # Errors
    /// A message holds what only OpenAI's format can say.
    pub(super) fn read(input: &'a ChatRequest, warnings: &mut Warnings) -> Result<Self, Failure> {
        let mut conversation = Self::default();
        let mut tools = HashMap::new();
        for (index, message) in input.messages.iter().enumerate() {
            let place = format!("messages[{index}]");
            if message.other.contains_key("name") && message.role != "tool" {
                warnings.left_out(&format!("{place}.name"));
            }
            match message.role.as_str() {
                "system" | "developer" => {
                    if !conversation.turns.is_empty() {
                        warnings.changed(&place, "instructions stand before the conversation, so it was moved there");
                    }
                    conversation.system.extend(content(message, &place)?);
                }
                "assistant" => {
                    let blocks = assistant(message, &place, &mut tools)?;
                    conversation.say(Speaker::Assistant, blocks);
                }
                "tool" => conversation.say(Speaker::User, vec![result(message, &place, &tools)?]),
                "user" => conversation.say(Speaker::User, content(message, &place)?),
                role => return Err(unsupported(format!("{place} has the role {:?}", media::shortened(role)))),
            }
        }
        if conversation.turns.is_empty() {
            // Instructions alone are what the caller says.
            let system = std::mem::take(&mut conversation.system);
            conversation.say(Speaker::User, system);
        }
        if conversation.turns.is_empty() {
            return Err(unsupported("the messages hold no text; this provider wants some"));
        }
        Ok(conversation)
    }

    fn say(&mut self, speaker: Speaker, mut blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.speaker == speaker => last.blocks.append(&mut blocks),
            _ => self.turns.push(Turn { speaker, blocks }),
        }
    }

    /// Whether the model called a tool before.
    pub(super) fn has_calls(&self) -> bool {
        self.turns.iter().any(Turn::has_calls)
    }

    /// Whether a tool's result is what the model is asked to go on from, by calls without the
    /// thoughts that led to them.
    pub(super) fn goes_on_without_thoughts(&self) -> bool {
        let last = self.turns.iter().rev().find(|turn| turn.speaker == Speaker::Assistant);
        let thought = |turn: &Turn<'_>| turn.blocks.iter().any(|block| matches!(block.kind, Kind::Thinking(_)));
        last.is_some_and(|turn| turn.has_calls() && !thought(turn))
    }
}

impl Turn<'_> {
    fn has_calls(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block.kind, Kind::Call { .. }))
    }
}

/// Texts and media of a message, empty texts left out: providers refuse them.
fn content<'a>(message: &'a ChatMessage, place: &str) -> Result<Vec<Block<'a>>, Failure> {
    let whole = media::cache_marker(&message.other);
    let mut blocks = match &message.content {
        None => Vec::new(),
        Some(Content::Text(text)) => vec![Block { kind: Kind::Text(text), cache: None }],
        Some(Content::Parts(parts)) => {
            let mut blocks = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                let refusal = || part.other.get("refusal").and_then(Value::as_str);
                let kind = match part.kind.as_str() {
                    "text" | "input_text" => Kind::Text(part.text.as_deref().unwrap_or_default()),
                    "refusal" => Kind::Text(refusal().unwrap_or_default()),
                    _ => Kind::Media(media::read(part, &format!("{place}.content[{index}]"))?),
                };
                blocks.push(Block { kind, cache: media::cache_marker(&part.other) });
            }
            blocks
        }
    };
    blocks.retain(|block| !matches!(block.kind, Kind::Text("")));
    if let (Some(last), Some(marker)) = (blocks.last_mut(), whole) {
        last.cache = Some(marker);
    }
    Ok(blocks)
}

fn assistant<'a>(
    message: &'a ChatMessage,
    place: &str,
    tools: &mut HashMap<&'a str, &'a str>,
) -> Result<Vec<Block<'a>>, Failure> {
    let thoughts = message.other.get("thinking_blocks").and_then(Value::as_array);
    let plain = |kind| Block { kind, cache: None };
    let mut blocks: Vec<Block<'a>> =
        thoughts.into_iter().flatten().map(|thought| plain(Kind::Thinking(thought))).collect();
    blocks.extend(content(message, place)?);
    if let Some(refusal) = message.other.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        blocks.push(plain(Kind::Text(refusal)));
    }
    if message.other.contains_key("function_call") {
        return Err(unsupported(format!("{place}.function_call is the old form; use tool_calls")));
    }
    let calls = message.other.get("tool_calls").and_then(Value::as_array);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        let call = read_call(call, &format!("{place}.tool_calls[{index}]"))?;
        if let Kind::Call { id, name, .. } = &call {
            tools.insert(id, name);
        }
        blocks.push(plain(call));
    }
    Ok(blocks)
}

fn read_call<'a>(call: &'a Value, place: &str) -> Result<Kind<'a>, Failure> {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str);
    let name = text("/function/name").ok_or_else(|| unsupported(format!("{place} is no call of a function")))?;
    let arguments = match text("/function/arguments").unwrap_or_default().trim() {
        "" => Value::Object(Map::new()),
        arguments => serde_json::from_str(arguments)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| unsupported(format!("{place}.function.arguments is no JSON object")))?,
    };
    let signature = text("/extra_content/google/thought_signature");
    Ok(Kind::Call { id: text("/id").unwrap_or_default(), name, arguments, signature })
}

fn result<'a>(message: &'a ChatMessage, place: &str, tools: &HashMap<&'a str, &'a str>) -> Result<Block<'a>, Failure> {
    let text = |field: &str| message.other.get(field).and_then(Value::as_str);
    let id = text("tool_call_id")
        .ok_or_else(|| unsupported(format!("{place} has no tool_call_id, so nobody knows whose result it is")))?;
    let name = tools.get(id).copied().or_else(|| text("name")).unwrap_or(id);
    let blocks = content(message, place)?;
    let cache = blocks.last().and_then(|block| block.cache);
    let content = blocks.into_iter().map(|block| block.kind).collect();
    Ok(Block { kind: Kind::Result { id, name, content }, cache })
}
