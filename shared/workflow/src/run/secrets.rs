//! Secrets stay out of a run: expressions see marks in their place, and whoever makes a call replaces them.

use serde_json::{Map, Value};

/// What a mark begins with: private characters of Unicode, which no text has by chance.
const OPEN: char = '\u{F0E5}';
/// What it ends with.
const CLOSE: char = '\u{F0E6}';

/// The marks of secrets, as `$secrets`.
#[must_use]
pub fn marks(names: &[String]) -> Value {
    let mark = |name: &String| (name.clone(), Value::String(format!("{OPEN}{name}{CLOSE}")));
    Value::Object(names.iter().map(mark).collect::<Map<_, _>>())
}

/// A value with its marks replaced.
///
/// # Errors
/// The name of a secret that `secret` does not know.
pub fn reveal(value: &Value, secret: &dyn Fn(&str) -> Option<String>) -> Result<Value, String> {
    match value {
        Value::String(text) if text.contains(OPEN) => reveal_text(text, secret).map(Value::String),
        Value::Array(items) => items.iter().map(|item| reveal(item, secret)).collect(),
        Value::Object(fields) => {
            let revealed = fields.iter().map(|(name, field)| Ok((name.clone(), reveal(field, secret)?)));
            revealed.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

fn reveal_text(text: &str, secret: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut revealed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        revealed.push_str(before);
        let Some((name, after)) = after.split_once(CLOSE) else {
            revealed.push(OPEN);
            rest = after;
            continue;
        };
        revealed.push_str(&secret(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    revealed.push_str(rest);
    Ok(revealed)
}
