//! The part of an OpenAI chat completion request that a simulated model reads, borrowed from the body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::draw::Digest;

/// A chat completion request. Fields that do not change the answer are ignored, as providers ignore many.
#[derive(Debug, Deserialize)]
pub struct Request<'a> {
    /// The model; where the path names it, it may be absent.
    #[serde(borrow, default)]
    pub model: Cow<'a, str>,
    /// The conversation.
    #[serde(borrow)]
    pub messages: Vec<Message<'a>>,
    /// The form of the answer.
    #[serde(default)]
    pub response_format: Option<Value>,
    /// Tools, looked at only when one must be called.
    #[serde(default)]
    pub tools: Option<Vec<Value>>,
    /// `required`, or one named function, makes the answer a call.
    #[serde(default)]
    pub tool_choice: Option<Value>,
    /// Most completion tokens; the older name.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// Most completion tokens, reasoning included.
    #[serde(default)]
    pub max_completion_tokens: Option<u64>,
    /// How many answers.
    #[serde(default)]
    pub n: Option<u64>,
    /// The answer comes in pieces, where the format has them here.
    #[serde(default)]
    pub stream: Option<bool>,
    /// How.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
}

/// Options of a stream.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct StreamOptions {
    /// The last piece says what was counted.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    /// What is said.
    #[serde(borrow, default)]
    pub content: Content<'a>,
}

/// The texts and the number of images of a message.
#[derive(Debug, Default)]
pub struct Content<'a> {
    texts: Vec<Cow<'a, str>>,
    images: u64,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

impl Request<'_> {
    /// All texts in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().flat_map(|message| message.content.texts.iter().map(AsRef::as_ref))
    }

    /// The number of images.
    pub fn images(&self) -> u64 {
        self.messages.iter().map(|message| message.content.images).sum()
    }

    /// What the operator of the model told it: system and developer messages.
    pub fn instructions(&self) -> String {
        let is_instruction = |message: &&Message<'_>| matches!(message.role.as_ref(), "system" | "developer");
        self.messages.iter().filter(is_instruction).map(Message::text).collect::<Vec<_>>().join("\n")
    }

    /// What the user said last.
    pub fn question(&self) -> Cow<'_, str> {
        self.messages.iter().rev().find(|message| message.role == "user").map(Message::text).unwrap_or_default()
    }

    /// Most completion tokens.
    pub fn token_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Equal for requests that ask the same of the same model.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        digest.add(self.model.as_bytes());
        for message in &self.messages {
            digest.add(message.role.as_bytes());
            message.content.texts.iter().for_each(|text| digest.add(text.as_bytes()));
            digest.add(&message.content.images.to_le_bytes());
        }
        for value in [&self.response_format, &self.tool_choice].into_iter().flatten() {
            digest.add(value.to_string().as_bytes());
        }
        digest.value()
    }
}

impl Message<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self.content.texts.as_slice() {
            [text] => Cow::Borrowed(text.as_ref()),
            texts => Cow::Owned(texts.join("\n")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a list of parts or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content { texts: vec![Cow::Borrowed(text)], images: 0 })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content { texts: vec![Cow::Owned(text.to_owned())], images: 0 })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut content = Content::default();
        while let Some(part) = parts.next_element::<Part<'de>>()? {
            content.images += u64::from(part.kind == "image_url");
            content.texts.extend(part.text);
        }
        Ok(content)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_texts_parts_and_nothing() {
        let body = r#"{"model":"m","temperature":0.2,"messages":[
            {"role":"system","content":"Be \"brief\"."},
            {"role":"assistant","content":null,"tool_calls":[]},
            {"role":"user","content":[{"type":"text","text":"What is it?"},
                {"type":"image_url","image_url":{"url":"data:,"}},{"type":"text","text":"Say."}]}]}"#;
        let request: Request<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(request.instructions(), "Be \"brief\".");
        assert_eq!(request.question(), "What is it?\nSay.");
        assert_eq!((request.images(), request.texts().count()), (1, 3));
    }

    #[test]
    fn equal_questions_have_equal_digests() {
        let digest = |body: &str| serde_json::from_str::<Request<'_>>(body).unwrap().digest();
        let one = digest(r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#);
        assert_eq!(one, digest(r#"{"messages":[{"content":"a","role":"user"}],"model":"m","user":"x"}"#));
        assert_ne!(one, digest(r#"{"model":"m","messages":[{"role":"user","content":"b"}]}"#));
        assert_ne!(one, digest(r#"{"model":"n","messages":[{"role":"user","content":"a"}]}"#));
    }
}
