//! URI templates with simple variables: `https://example.com/pets/{petId}`.

use crate::{
    definition::Template,
    run::{Problem, Standard},
};
use serde_json::Value;

/// A URI with each `{name}` replaced by the field of `input`, nothing if that does not exist.
///
/// # Errors
/// A field is no text, number, boolean or null.
pub fn expand(template: &str, input: &Value) -> Result<String, Problem> {
    let mut expanded = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        expanded.push_str(before);
        match input.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => expanded.push_str(&encoded(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => expanded.push_str(&encoded(&value.to_string())),
            Some(_) => {
                let detail = format!("`{{{name}}}` of a URI must be a text, number or boolean; use an expression");
                return Err(Problem::new(Standard::Expression, detail));
            }
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The URI of a call's endpoint where it is written out, and so may be a template. What an expression says is
/// none: data must not be taken for one.
#[must_use]
pub fn written(with: &Template) -> Option<&str> {
    match with {
        Template::Fixed(value) => text(value.get("endpoint")?),
        Template::Object(fields) => match field(fields, "endpoint")? {
            Template::Fixed(endpoint) => text(endpoint),
            Template::Object(fields) => match field(fields, "uri")? {
                Template::Fixed(uri) => uri.as_str(),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn field<'a>(fields: &'a [(String, Template)], name: &str) -> Option<&'a Template> {
    fields.iter().find(|(known, _)| known == name).map(|(_, field)| field)
}

fn text(endpoint: &Value) -> Option<&str> {
    endpoint.as_str().or_else(|| endpoint.get("uri")?.as_str())
}

pub(super) fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
