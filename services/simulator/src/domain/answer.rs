//! The answer of a simulated model: sensible for the usual kinds of task, and equal for equal requests.

mod intent;
pub(super) mod text;

use serde_json::{Map, Value, json};

use super::draw::Draws;
use super::request::Request;
use super::schema;
use super::usage;
pub use intent::Intent;

/// One completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What is said, or called.
    pub content: Content,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: &'static str,
    /// Its visible tokens.
    pub tokens: u64,
}

/// What a completion holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text, which may be JSON.
    Text(String),
    /// The call of a tool.
    Call {
        /// The tool.
        name: String,
        /// Its arguments as JSON text.
        arguments: String,
    },
}

/// The answer to a request with this `digest`. `fixed` replaces what would be derived; `limit` is the most tokens it
/// may have; `choice` tells the answers to one request apart.
pub fn answer(request: &Request<'_>, digest: u64, fixed: Option<&str>, limit: Option<u64>, choice: u64) -> Answer {
    let seed = Draws::new(digest ^ choice).number();
    if let Some(text) = fixed {
        return spoken(text.to_owned(), limit);
    }
    if let Some((name, arguments)) = forced_call(request, seed) {
        let tokens = usage::of_text(&name) + usage::of_text(&arguments);
        return Answer { content: Content::Call { name, arguments }, finish_reason: "tool_calls", tokens };
    }
    spoken(structured(request, seed).unwrap_or_else(|| prose(request, seed)), limit)
}

/// The mark that shows two answers to be the same, or not.
pub fn reference(seed: u64) -> String {
    format!("{:08x}", seed >> 32)
}

fn spoken(text: String, limit: Option<u64>) -> Answer {
    let tokens = usage::of_text(&text);
    match limit {
        Some(limit) if tokens > limit => {
            let characters = usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX);
            let text = text.chars().take(characters).collect();
            Answer { content: Content::Text(text), finish_reason: "length", tokens: limit }
        }
        _ => Answer { content: Content::Text(text), finish_reason: "stop", tokens },
    }
}

fn structured(request: &Request<'_>, seed: u64) -> Option<String> {
    let kind = |format: &Value| format.get("type").and_then(Value::as_str).map(str::to_owned);
    match request.response_format.as_ref().and_then(kind).as_deref() {
        Some("json_schema") => {
            let schema = request.response_format.as_ref()?.pointer("/json_schema/schema")?;
            Some(schema::instance(schema, &request.question(), seed).to_string())
        }
        // A schema among the words says more than that JSON is wanted.
        other => {
            let told = intent::told_schema(&request.instructions());
            let made = told.map(|schema| schema::instance(&schema, &request.question(), seed));
            let free = || json!({ "answer": prose(request, seed), "reference": reference(seed) });
            made.or_else(|| (other == Some("json_object")).then(free)).map(|made| made.to_string())
        }
    }
}

/// `tool_choice` that leaves the model no choice.
fn forced_call(request: &Request<'_>, seed: u64) -> Option<(String, String)> {
    let choice = request.tool_choice.as_ref()?;
    let tools = request.tools.as_deref()?;
    let name_of = |tool: &Value| tool.pointer("/function/name").and_then(Value::as_str).map(str::to_owned);
    let tool = match choice.pointer("/function/name").and_then(Value::as_str) {
        Some(wanted) => tools.iter().find(|tool| name_of(tool).as_deref() == Some(wanted)),
        None if choice.as_str() == Some("required") => tools.first(),
        None => None,
    }?;
    let empty = Value::Object(Map::new());
    let parameters = tool.pointer("/function/parameters").unwrap_or(&empty);
    Some((name_of(tool)?, schema::instance(parameters, &request.question(), seed).to_string()))
}

fn prose(request: &Request<'_>, seed: u64) -> String {
    let instructions = request.instructions();
    let question = request.question();
    let intent = intent::of(&instructions, &question);
    let subject = text::subject(&question, &instructions);
    let reference = reference(seed);
    match intent {
        Intent::Classify { labels, is_strict } => {
            let label = text::label(&labels, subject, seed);
            if is_strict { label.to_owned() } else { format!("{label} [ref {reference}]") }
        }
        Intent::Summarise => format!("Summary: {} [ref {reference}]", text::gist(subject)),
        Intent::Extract => format!("{} [ref {reference}]", text::findings(subject)),
        Intent::Reply => format!(
            "Hello,\n\nthank you for writing to us about {}. We have read: \"{}\" We are looking into it and will come \
             back to you within one working day.\n\nKind regards [ref {reference}]",
            text::topics(subject),
            text::gist(subject),
        ),
        Intent::Discuss => {
            format!("This is about {}. In short: {} [ref {reference}]", text::topics(subject), text::gist(subject))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
