//! Tools a request offers, and how free the model is to call them.

use super::{media::cache_marker, unsupported};
use crate::domain::failure::Failure;
use serde_json::{Value, json};

/// A function the model may call.
#[derive(Debug, PartialEq)]
pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    /// A JSON Schema of an object.
    pub(super) parameters: Value,
    /// Whether the arguments must follow the schema to the letter.
    pub(super) strict: bool,
    pub(super) cache: Option<&'a Value>,
}

/// How free the model is to call tools.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Choice<'a> {
    /// As it likes.
    Auto,
    /// It must not.
    Never,
    /// It must call one.
    Any,
    /// It must call this one.
    Named(&'a str),
}

pub(super) fn read(tools: &[Value]) -> Result<Vec<Tool<'_>>, Failure> {
    tools.iter().enumerate().map(|(index, tool)| read_one(tool, index)).collect()
}

fn read_one(tool: &Value, index: usize) -> Result<Tool<'_>, Failure> {
    let function = tool.get("function");
    let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
    let (Some(function), Some(name)) = (function, name) else {
        return Err(unsupported(format!("tools[{index}] is no function, and other tools cannot be translated")));
    };
    let nothing = || json!({"type": "object", "properties": {}});
    Ok(Tool {
        name,
        description: function.get("description").and_then(Value::as_str),
        parameters: function.get("parameters").filter(|schema| schema.is_object()).cloned().unwrap_or_else(nothing),
        strict: function.get("strict").and_then(Value::as_bool).unwrap_or(false),
        cache: tool.as_object().and_then(cache_marker),
    })
}

pub(super) fn choice(choice: Option<&Value>) -> Result<Choice<'_>, Failure> {
    let Some(choice) = choice.filter(|choice| !choice.is_null()) else { return Ok(Choice::Auto) };
    match choice.as_str() {
        Some("auto") => return Ok(Choice::Auto),
        Some("none") => return Ok(Choice::Never),
        Some("required") => return Ok(Choice::Any),
        _ => {}
    }
    let name = choice.pointer("/function/name").and_then(Value::as_str);
    name.map(Choice::Named)
        .ok_or_else(|| unsupported("tool_choice is neither auto, none, required nor the name of a function"))
}
