//! JSON that satisfies a simple JSON Schema, filled from a text.
//!
//! Understood: `type` (also a list), `properties`, `required`, `items`, `minItems`, `enum`, `const`, numeric bounds,
//! string lengths and the common formats, `anyOf`/`oneOf` (the first), `allOf` (merged), local `$ref`. Not understood:
//! `pattern`, `not`, conditions.

mod scalar;

use serde_json::{Map, Value};

use super::draw::Draws;

/// Schemas nested deeper than this end in `null`: they refer to themselves without an end.
const DEPTH_LIMIT: usize = 24;
/// Below this depth only required properties are filled in, so that recursive schemas end.
const OPTIONAL_DEPTH: usize = 6;
/// More items than this are never made, whatever `minItems` says.
const ITEMS_LIMIT: u64 = 64;

struct Filling<'a> {
    root: &'a Value,
    text: &'a str,
    draws: Draws,
}

/// An instance of `schema` whose strings come from `text`; equal arguments give equal instances.
pub fn instance(schema: &Value, text: &str, seed: u64) -> Value {
    Filling { root: schema, text, draws: Draws::new(seed) }.value(schema, "", 0)
}

impl Filling<'_> {
    /// `name` is the property the value is for; it hints at what a string should hold.
    fn value(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEPTH_LIMIT {
            return Value::Null;
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return scalar::option(options, self.text, &mut self.draws);
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)).cloned();
            return target.map_or(Value::Null, |target| self.value(&target, name, depth + 1));
        }
        if let Some(merged) = combined(schema) {
            return self.value(&merged, name, depth + 1);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => scalar::integer(schema, &mut self.draws),
            "number" => scalar::number(schema, name, &mut self.draws),
            "boolean" => Value::Bool(self.draws.index(2) == 0),
            "null" => Value::Null,
            _ => scalar::string(schema, name, self.text, &mut self.draws),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> = strings(schema.get("required")).collect();
        let wanted = |name: &str| depth < OPTIONAL_DEPTH || required.contains(&name);
        let mut object = Map::new();
        for (name, property) in properties.iter().filter(|(name, _)| wanted(name)) {
            object.insert(name.clone(), self.value(property, name, depth + 1));
        }
        for name in required.iter().filter(|name| !properties.contains_key(**name)) {
            object.insert((*name).to_owned(), scalar::string(&Value::Null, name, self.text, &mut self.draws));
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0);
        let usual = u64::from(depth < OPTIONAL_DEPTH);
        let count = least.max(usual).min(bound("maxItems").unwrap_or(u64::MAX)).min(ITEMS_LIMIT);
        let item = schema.get("items").cloned().unwrap_or(Value::Null);
        Value::Array((0..count).map(|_| self.value(&item, name, depth + 1)).collect())
    }
}

/// One schema instead of alternatives and conjunctions.
fn combined(schema: &Value) -> Option<Value> {
    let mut own = schema.as_object()?.clone();
    if let Some(parts) = own.remove("allOf") {
        for part in parts.as_array()?.iter().filter_map(Value::as_object) {
            merge(&mut own, part);
        }
        return Some(Value::Object(own));
    }
    let alternatives = own.remove("anyOf").or_else(|| own.remove("oneOf"))?;
    // A nullable value is filled rather than left out.
    let first = alternatives.as_array()?.iter().find(|option| kind(option) != "null")?.as_object()?;
    merge(&mut own, first);
    Some(Value::Object(own))
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new.iter().cloned()),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

fn kind(schema: &Value) -> &str {
    let declared = schema.get("type");
    let listed = || strings(declared).find(|kind| *kind != "null");
    let implied = if schema.get("properties").is_some() || schema.get("required").is_some() {
        "object"
    } else if schema.get("items").is_some() {
        "array"
    } else {
        "string"
    };
    declared.and_then(Value::as_str).or_else(listed).unwrap_or(implied)
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
