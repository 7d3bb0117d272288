//! Values without parts.

use serde_json::{Number, Value, json};

use crate::domain::answer::text;
use crate::domain::draw::Draws;

/// The range of a number whose schema sets no bounds.
const USUAL_RANGE: f64 = 100.0;
/// Numbers are rounded to this many steps per unit, as people write them.
const STEPS: f64 = 1_000.0;
/// No string is made longer than this, whatever `minLength` says.
const LENGTH_LIMIT: usize = 10_000;

/// Names of properties that mean a share.
const SHARES: &[&str] = &["confidence", "score", "probability", "share", "ratio", "likelihood"];

/// The option that a text mentions, or one by chance.
pub(super) fn option(options: &[Value], text: &str, draws: &mut Draws) -> Value {
    let labels: Vec<String> = options.iter().map(|option| option.as_str().unwrap_or_default().to_owned()).collect();
    let chosen = text::label(&labels, text, draws.number());
    let named = options.iter().find(|option| !chosen.is_empty() && option.as_str() == Some(chosen));
    named.or_else(|| options.get(draws.index(options.len()))).cloned().unwrap_or(Value::Null)
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates to the bounds of an integer")]
pub(super) fn integer(schema: &Value, draws: &mut Draws) -> Value {
    let (low, high) = bounds(schema, 1.0, USUAL_RANGE);
    let step = schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step >= 1.0).unwrap_or(1.0);
    let first = (low / step).ceil();
    let last = (high / step).floor().max(first);
    let drawn = (first + (draws.fraction() * (last - first + 1.0)).floor()).min(last);
    Value::from((drawn * step) as i64)
}

pub(super) fn number(schema: &Value, name: &str, draws: &mut Draws) -> Value {
    let is_share = SHARES.iter().any(|share| name.to_lowercase().contains(share));
    let (low, high) = bounds(schema, 1.0 / STEPS, if is_share { 1.0 } else { USUAL_RANGE });
    let drawn = low + draws.fraction() * (high - low);
    let rounded = (drawn * STEPS).round() / STEPS;
    let fitting = if (low..=high).contains(&rounded) { rounded } else { drawn };
    Number::from_f64(fitting).map_or(Value::Null, Value::Number)
}

/// The least and the greatest value; exclusive bounds are moved by `step`.
fn bounds(schema: &Value, step: f64, usual: f64) -> (f64, f64) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let low = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + step));
    let high = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - step));
    match (low, high) {
        (Some(low), Some(high)) => (low, high.max(low)),
        (Some(low), None) => (low, low + usual),
        (None, Some(high)) => (high.min(0.0), high),
        (None, None) => (0.0, usual),
    }
}

pub(super) fn string(schema: &Value, name: &str, text: &str, draws: &mut Draws) -> Value {
    let made = match schema.get("format").and_then(Value::as_str) {
        Some("date") => format!("2026-{:02}-{:02}", 1 + draws.index(12), 1 + draws.index(28)),
        Some("date-time") => format!("2026-{:02}-{:02}T09:30:00Z", 1 + draws.index(12), 1 + draws.index(28)),
        Some("time") => format!("{:02}:30:00Z", draws.index(24)),
        Some("email") => format!("contact.{:04x}@example.org", draws.index(65_536)),
        Some("uri" | "url") => format!("https://example.org/{:04x}", draws.index(65_536)),
        Some("uuid") => uuid(draws),
        _ => return json!(fit(&words(name, text, draws), schema)),
    };
    json!(made)
}

fn uuid(draws: &mut Draws) -> String {
    let (high, low) = (draws.number(), draws.number());
    let (first, second, third) = (high >> 32, (high >> 16) & 0xffff, high & 0x0fff);
    format!("{first:08x}-{second:04x}-4{third:03x}-8{:03x}-{:012x}", (low >> 48) & 0x0fff, low & 0xffff_ffff_ffff)
}

fn words(name: &str, text: &str, draws: &mut Draws) -> String {
    let name = name.to_lowercase();
    let means = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if means(&["id", "reference", "hash"]) && name.len() <= 12 {
        return format!("{:08x}", draws.number() >> 32);
    }
    if means(&["title", "subject", "topic", "tag", "keyword", "category", "label"]) {
        return text::topics(text);
    }
    text::gist(text)
}

/// Within `minLength` and `maxLength`, counted in characters.
fn fit(made: &str, schema: &Value) -> String {
    let length = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let least = length("minLength").unwrap_or(0).min(LENGTH_LIMIT);
    let most = length("maxLength").unwrap_or(usize::MAX).max(least);
    let missing = least.saturating_sub(made.chars().count());
    made.chars().chain(std::iter::repeat_n('.', missing)).take(most).collect()
}
