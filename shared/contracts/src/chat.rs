//! The input and output of a task: OpenAI Chat Completions. Fields that Neptune does not read are
//! kept and passed on.

use crate::embedding::EmbeddingSpec;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, value::SeqAccessDeserializer},
};
use serde_json::{Map, Value};
use std::fmt;

mod check;

/// Most messages in one request.
pub const MAX_MESSAGES: usize = 2_048;
/// Most completions in one request.
pub const MAX_CHOICES: u32 = 16;

/// A chat completion request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatRequest {
    /// A model, a route (`auto`, `auto:cheap`, `auto:fast`, `auto:best` or a named one), or
    /// nothing, which means `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// Tools the model may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Value>>,
    /// The form the answer must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
    /// Most output tokens; the older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Most output tokens, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// How many answers to give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Whether the answer comes in pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The texts of the messages become vectors, one each, and are not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSpec>,
    /// Everything else, passed on as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What is said; absent when an assistant only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Everything else (`name`, `tool_calls`, `tool_call_id`, …), passed on as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text, images and other parts.
    Parts(Vec<Part>),
}

/// One part of a message's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// `text`, `image_url` or another type the model understands.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a text part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else (`image_url`, `input_audio`, …), passed on as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// By hand, so that a fault names its place within the parts, and what is expected there.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl ChatMessage {
    /// A plain text message.
    #[must_use]
    pub fn text(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(Content::Text(text.into())), other: Map::new() }
    }

    /// The text pieces of the content, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (whole, parts) = match &self.content {
            Some(Content::Text(text)) => (Some(text.as_str()), [].as_slice()),
            Some(Content::Parts(parts)) => (None, parts.as_slice()),
            None => (None, [].as_slice()),
        };
        whole.into_iter().chain(parts.iter().filter_map(|part| part.text.as_deref()))
    }

    fn has_image(&self) -> bool {
        matches!(&self.content, Some(Content::Parts(parts)) if parts.iter().any(|part| part.kind == "image_url"))
    }
}

impl ChatRequest {
    /// A request of one user message.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self { messages: vec![ChatMessage::text("user", text)], ..Self::default() }
    }

    /// The text pieces of all messages, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().flat_map(ChatMessage::texts)
    }

    /// Whether any message carries an image.
    #[must_use]
    pub fn has_images(&self) -> bool {
        self.messages.iter().any(ChatMessage::has_image)
    }

    /// Whether the request offers tools.
    #[must_use]
    pub fn has_tools(&self) -> bool {
        self.tools.as_ref().is_some_and(|tools| !tools.is_empty())
    }

    /// Whether the answer must follow a JSON Schema.
    #[must_use]
    pub fn wants_json_schema(&self) -> bool {
        let kind = self.response_format.as_ref().and_then(|format| format.get("type"));
        kind.and_then(Value::as_str) == Some("json_schema")
    }

    /// Most output tokens, when the caller set a limit.
    #[must_use]
    pub fn output_limit(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Tokens of the longest message, estimated like those of all of them.
    #[must_use]
    pub fn longest_message_tokens(&self) -> u64 {
        let characters = |message: &ChatMessage| message.texts().map(str::len).sum::<usize>();
        let longest = self.messages.iter().map(characters).max().unwrap_or(0);
        (longest.div_ceil(4) + 4) as u64
    }

    /// Input tokens, estimated as a quarter of the characters of text plus 4 per message, 85 per
    /// image and a quarter of the tools' JSON.
    #[must_use]
    pub fn estimated_input_tokens(&self) -> u64 {
        let characters: usize = self.texts().map(str::len).sum();
        let tools: usize = self.tools.iter().flatten().map(|tool| tool.to_string().len()).sum();
        let images = self.messages.iter().filter(|message| message.has_image()).count();
        ((characters + tools).div_ceil(4) + self.messages.len() * 4 + images * 85) as u64
    }
}
