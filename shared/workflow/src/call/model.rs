//! `call: model:1.0.0@default`: the chat completion that the arguments ask for, and what its answer makes.

use crate::{
    definition::Schema,
    run::{Problem, Standard},
};
use serde_json::{Map, Value, json};

/// Fields of the arguments that go into the completion as they are.
const PASSED: [&str; 6] = ["model", "temperature", "top_p", "max_tokens", "seed", "stop"];

/// A chat completion in OpenAI's form, without a model's name unless the arguments have one. `repair` is what was
/// wrong with the answer before.
///
/// # Errors
/// The arguments ask nothing.
pub fn completion(arguments: &Value, repair: Option<&Problem>) -> Result<Value, Problem> {
    let mut messages = match arguments.get("messages") {
        Some(Value::Array(messages)) => messages.clone(),
        _ => written(arguments)?,
    };
    if let Some(detail) = repair.and_then(|problem| problem.detail.as_ref()) {
        let told = format!("The answer before was not right: {detail}. Answer again, without that fault.");
        messages.push(json!({"role": "user", "content": told}));
    }
    let mut completion = Map::from_iter([("messages".to_owned(), Value::Array(messages))]);
    for name in PASSED {
        if let Some(value) = arguments.get(name) {
            completion.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(schema) = arguments.get("responseSchema").filter(|schema| schema.is_object()) {
        let schema = json!({"name": "answer", "schema": schema});
        let format = json!({"type": "json_schema", "json_schema": schema});
        completion.insert("response_format".to_owned(), format);
    }
    Ok(Value::Object(completion))
}

fn written(arguments: &Value) -> Result<Vec<Value>, Problem> {
    let mut messages = Vec::new();
    let mut instructions: Vec<String> = Vec::new();
    instructions.extend(arguments.get("prompt").and_then(Value::as_str).map(str::to_owned));
    if let Some(labels) = labels(arguments) {
        instructions.push(format!("Answer with exactly one of these labels and nothing else: {}", labels.join(", ")));
    }
    if let Some(schema) = arguments.get("responseSchema") {
        instructions.push(format!("Answer with JSON alone, as this JSON Schema says: {schema}"));
    }
    if !instructions.is_empty() {
        messages.push(json!({"role": "system", "content": instructions.join("\n\n")}));
    }
    match arguments.get("input") {
        None | Some(Value::Null) if messages.is_empty() => {
            let detail = "the call asks nothing; it needs `prompt`, `input` or `messages`";
            return Err(Problem::new(Standard::Configuration, detail));
        }
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => messages.push(json!({"role": "user", "content": text})),
        Some(value) => messages.push(json!({"role": "user", "content": value.to_string()})),
    }
    Ok(messages)
}

fn labels(arguments: &Value) -> Option<Vec<&str>> {
    arguments.get("labels")?.as_array().map(|labels| labels.iter().filter_map(Value::as_str).collect())
}

/// The output of a call: `text`, `json` where the text is some, `label` where labels were given, `model`, `usage`.
///
/// # Errors
/// The answer is no completion, or not what the arguments want.
pub fn output(arguments: &Value, answer: &Value) -> Result<Value, Problem> {
    let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    let text =
        text.ok_or_else(|| Problem::new(Standard::Communication, "the answer is no chat completion with a text"))?;
    let json = serde_json::from_str::<Value>(unfenced(text)).ok();
    if let Some(schema) = arguments.get("responseSchema") {
        let invalid = |detail: String| Problem::new(Standard::Validation, detail);
        let value = json.as_ref().ok_or_else(|| invalid("the answer is not JSON".to_owned()))?;
        if let Some(fault) = Schema::compile(schema.clone()).map_err(invalid)?.fault(value) {
            return Err(invalid(format!("the answer is not what it must be: {fault}")));
        }
    }
    let label = labels(arguments).map(|labels| label(text, &labels)).transpose()?;
    Ok(json!({
        "text": text,
        "json": json,
        "label": label,
        "model": answer.get("model"),
        "usage": answer.get("usage"),
    }))
}

/// A text without the fence that models like to put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).map_or(text, str::trim)
}

fn label<'a>(text: &str, labels: &[&'a str]) -> Result<&'a str, Problem> {
    let told = text.trim().trim_matches(['"', '.', '`']).to_lowercase();
    let same = labels.iter().find(|label| label.to_lowercase() == told);
    let mut inside = labels.iter().filter(|label| told.contains(&label.to_lowercase()));
    let only = inside.next().filter(|_| inside.next().is_none());
    same.or(only).copied().ok_or_else(|| {
        Problem::new(Standard::Validation, format!("the answer is none of the labels {}", labels.join(", ")))
    })
}
