//! Documents in YAML or JSON, with the place of each part.

use crate::fault::{Fault, Place};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;
use std::fmt;

/// The largest document, in bytes.
pub const DOCUMENT_BYTES: usize = 1 << 20;

/// A part of a document and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub content: Content,
}

/// What a part of a document is.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order of the document.
    Object(Vec<(Key, Node)>),
}

/// The name of a field and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it begins.
    pub place: Place,
}

impl Node {
    /// Reads a document. JSON is YAML, too.
    ///
    /// # Errors
    /// The text is too long, or no YAML.
    pub fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > DOCUMENT_BYTES {
            let message = format!("the document has {} bytes, the limit is {DOCUMENT_BYTES}", text.len());
            return Err(Fault::new(Place::START, "", message));
        }
        // YAML 1.2: `on` is a word, as a schedule's field and as a value.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options::<Self>(text, options).map_err(|fault| {
            let place = fault.location().map_or(Place::START, place);
            let message = fault.without_snippet().to_string();
            Fault::new(place, "", format!("this is not YAML: {}", message.lines().next().unwrap_or_default()))
        })
    }

    /// The part at a JSON pointer, or the innermost one above it that exists.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Self {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Object(fields) => fields.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
                Content::List(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The field of an object.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match &self.content {
            Content::Object(fields) => fields.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Flag(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Object(fields) => fields.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }
}

fn place(location: serde_saphyr::Location) -> Place {
    let at_least_one = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Place { line: at_least_one(location.line()), column: at_least_one(location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), name: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what JSON can say")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Content, E> {
        Ok(Content::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Content, E> {
        Number::from_f64(number).map(Content::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Content, A::Error> {
        let mut object: Vec<(Key, Node)> = Vec::new();
        while let Some((key, node)) = fields.next_entry::<Key, Node>()? {
            if object.iter().any(|(known, _)| known.name == key.name) {
                return Err(A::Error::custom(format_args!("`{}` stands here twice", key.name)));
            }
            object.push((key, node));
        }
        Ok(Content::Object(object))
    }
}
