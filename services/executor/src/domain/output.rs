//! Whether an answer is what its task asks for, and what is done when it is not.

pub mod re_ask;
pub mod repair;

use neptune_contracts::{attempt::Validation, chat::ChatRequest, output::Checks, task::OutputSpec};
use serde_json::{Value, json};

/// The verdict on a chat completion by `checks`. JSON that can be repaired is, in place; any other
/// answer stays as it is.
#[must_use]
pub fn judge(output: &mut Value, checks: &Checks) -> Validation {
    let mut verdict = Validation { passed: true, ..Validation::default() };
    for choice in output.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        judge_choice(choice, checks, &mut verdict);
    }
    verdict.passed = verdict.problems.is_empty();
    verdict
}

fn judge_choice(choice: &mut Value, checks: &Checks, verdict: &mut Validation) {
    // A model that calls a tool has not answered yet.
    if choice.pointer("/message/tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty()) {
        return;
    }
    if choice.pointer("/message/refusal").is_some_and(Value::is_string) {
        verdict.problems.push("the model declined to answer".into());
        return;
    }
    let text = choice.pointer("/message/content").and_then(Value::as_str).unwrap_or_default();
    let problems = checks.problems(text);
    if problems.is_empty() {
        return;
    }
    if !checks.wants_json() || is_json(text) {
        verdict.problems.extend(problems);
        return;
    }
    // What the model meant to say further is not made up.
    let is_cut = choice.get("finish_reason").and_then(Value::as_str) == Some("length");
    let repaired = repair::repaired(text, is_cut);
    match repaired.iter().find(|repaired| checks.problems(repaired).is_empty()) {
        Some(good) => {
            let good = good.clone();
            if let Some(content) = choice.pointer_mut("/message/content") {
                *content = good.into();
                verdict.repaired = true;
            }
        }
        // The model can do more with what is wrong inside than with "not JSON".
        None => verdict.problems.extend(repaired.first().map_or(problems, |first| checks.problems(first))),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The `response_format` that asks a model for what `spec` wants; nothing when the caller's own
/// request has one, or for a schema that is not one of objects, which providers refuse.
#[must_use]
pub fn response_format(input: &ChatRequest, spec: Option<&OutputSpec>) -> Option<Value> {
    let schema = spec?.schema.as_ref()?;
    let is_free = input.response_format.is_none();
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    (is_free && is_object).then(|| json!({"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}))
}

#[cfg(test)]
mod tests;
