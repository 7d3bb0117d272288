//! Taking sensitive data out of a value.

use crate::{Kind, Policy, find};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How much of a kind was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// How often.
    pub count: u32,
    /// Whether it was taken out.
    pub is_taken: bool,
}

/// A value without sensitive data.
#[derive(Clone, Debug, PartialEq)]
pub struct Redacted {
    /// The value. In place of data stands its kind with a number, `[EMAIL_1]`; the same data has the same number.
    pub value: Value,
    /// What was found, in the order of [`Kind::ALL`].
    pub findings: Vec<Finding>,
}

/// Takes sensitive data out of every text, name of a field and number of a value, at any depth. What a field is called
/// says what its text is: `{"password": "…"}`.
#[must_use]
pub fn redact(value: &Value, policy: Policy) -> Redacted {
    let mut pen = Pen { policy, counts: BTreeMap::new(), numbers: BTreeMap::new() };
    let value = pen.value(value, "");
    let finding = |(kind, count): (Kind, u32)| Finding { kind, count, is_taken: policy.takes(kind) };
    Redacted { value, findings: pen.counts.into_iter().map(finding).collect() }
}

/// What was seen so far.
struct Pen {
    policy: Policy,
    counts: BTreeMap<Kind, u32>,
    /// Numbers of what was taken out.
    numbers: BTreeMap<(Kind, String), usize>,
}

impl Pen {
    /// `name` is of the field in which the value stands.
    fn value(&mut self, value: &Value, name: &str) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, name).unwrap_or_else(|| text.clone())),
            Value::Array(items) => items.iter().map(|item| self.value(item, name)).collect(),
            Value::Object(fields) => Value::Object(self.fields(fields)),
            // A card's number may be written as one.
            Value::Number(number) => self.text(&number.to_string(), name).map_or_else(|| value.clone(), Value::String),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> Map<String, Value> {
        let field = |(name, value): (&String, &Value)| {
            let told = self.text(name, "").unwrap_or_else(|| name.clone());
            (told, self.value(value, name))
        };
        fields.iter().map(field).collect()
    }

    /// A text without what is taken out of it; nothing when that is nothing.
    fn text(&mut self, text: &str, name: &str) -> Option<String> {
        let told = if name.is_empty() { String::new() } else { format!("{}: ", name.replace(['_', '-'], " ")) };
        let whole = format!("{told}{text}");
        let mut written = String::with_capacity(text.len());
        let mut from = told.len();
        let mut is_changed = false;
        for found in find(&whole).into_iter().filter(|found| found.start >= told.len()) {
            *self.counts.entry(found.kind).or_default() += 1;
            if !self.policy.takes(found.kind) {
                continue;
            }
            let data = whole.get(found.start..found.end).unwrap_or_default();
            let next = self.numbers.keys().filter(|(kind, _)| *kind == found.kind).count() + 1;
            let number = *self.numbers.entry((found.kind, data.to_owned())).or_insert(next);
            written.push_str(whole.get(from..found.start).unwrap_or_default());
            written.push_str(&format!("[{}_{number}]", found.kind.as_str()));
            (from, is_changed) = (found.end, true);
        }
        written.push_str(whole.get(from..).unwrap_or_default());
        is_changed.then_some(written)
    }
}
