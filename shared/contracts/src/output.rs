//! What an answer must be: the checks that a task asks for, and their verdict on a text.

use crate::problem::Problem;
use jsonschema::{Draft, PatternOptions, Validator};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, fmt};

/// Most bytes of a schema, as JSON.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Most bytes of a regular expression.
pub const MAX_PATTERN_BYTES: usize = 4 * 1024;
/// Most values an answer may be one of.
pub const MAX_ALLOWED_VALUES: usize = 1_000;
/// Most bytes of one such value.
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// Bytes that a compiled regular expression may take.
const PATTERN_MEMORY_BYTES: usize = 1024 * 1024;
/// Problems of one answer that are told.
const MAX_PROBLEMS: usize = 8;
/// Characters of a problem that are told.
const MAX_PROBLEM_CHARACTERS: usize = 300;

/// What the answer's text must be. Everything is optional; what is given must hold for each choice.
/// Answers that only call tools are not checked.
///
/// An answer that fails is repaired where only its JSON is broken; else the model is asked once more
/// with what is wrong, then the next model of the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputSpec {
    /// JSON Schema 2020-12 for the answer's text as JSON; at most 64 KiB, and no references to other
    /// documents. A model that can follow a schema of `"type": "object"` is given it as
    /// `response_format`, unless the input has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// A regular expression that the text must hold a match of; with `^` and `$` it is the whole
    /// text. Linear time, so without look-around and back references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Least characters of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_characters: Option<u64>,
    /// Most characters of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_characters: Option<u64>,
    /// The text is one of these, white space around it aside; 1 to 1000 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// Least different citations in the text: numbered marks such as `[1]` and web addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_citations: Option<u32>,
}

/// The checks of a task, ready to be made.
pub struct Checks {
    schema: Option<Validator>,
    pattern: Option<Regex>,
    spec: OutputSpec,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl OutputSpec {
    /// Whether anything is checked.
    #[must_use]
    pub fn has_checks(&self) -> bool {
        *self != Self::default()
    }

    /// Everything wrong with the spec itself.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        self.checks().err().unwrap_or_default()
    }

    /// The checks, compiled. Nothing is fetched while that is done.
    ///
    /// # Errors
    /// Everything wrong with the spec.
    pub fn checks(&self) -> Result<Checks, Vec<Problem>> {
        let mut problems = Vec::new();
        let schema = self.schema.as_ref().and_then(|schema| kept(compile_schema(schema), &mut problems));
        let pattern = self.pattern.as_ref().and_then(|pattern| kept(compile_pattern(pattern), &mut problems));
        self.bound_problems(&mut problems);
        if problems.is_empty() { Ok(Checks { schema, pattern, spec: self.clone() }) } else { Err(problems) }
    }

    fn bound_problems(&self, problems: &mut Vec<Problem>) {
        if let (Some(least), Some(most)) = (self.min_characters, self.max_characters)
            && least > most
        {
            let text = format!("{least}, the limit is max_characters, which is {most}");
            problems.push(Problem::new("output.min_characters", text, "swap the two, or leave one out"));
        }
        if self.max_characters == Some(0) {
            let text = "0, the limit is 1 or more";
            problems.push(Problem::new("output.max_characters", text, "allow some characters, or leave it out"));
        }
        let Some(one_of) = &self.one_of else { return };
        if one_of.is_empty() {
            let text = format!("no value, so that no answer would do; the limit is 1 to {MAX_ALLOWED_VALUES}");
            problems.push(Problem::new("output.one_of", text, "name the values, or leave it out"));
        }
        if one_of.len() > MAX_ALLOWED_VALUES {
            let text = format!("{} values, the limit is {MAX_ALLOWED_VALUES}", one_of.len());
            problems.push(Problem::new("output.one_of", text, "name fewer, or give a pattern"));
        }
        if let Some(at) = one_of.iter().position(|value| value.len() > MAX_VALUE_BYTES) {
            let text = format!("longer than the limit of {MAX_VALUE_BYTES} bytes");
            problems.push(Problem::new(format!("output.one_of[{at}]"), text, "shorten it, or give a pattern"));
        }
    }
}

fn kept<T>(compiled: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    compiled.map_err(|problem| problems.push(problem)).ok()
}

fn compile_schema(schema: &Value) -> Result<Validator, Problem> {
    let wrong = |text: String, remedy: &str| Problem::new("output.schema", text, remedy);
    let size_bytes = schema.to_string().len();
    if size_bytes > MAX_SCHEMA_BYTES {
        let text = format!("{size_bytes} bytes, the limit is {MAX_SCHEMA_BYTES}");
        return Err(wrong(text, "describe less, or check the rest yourself"));
    }
    if !schema.is_object() && !schema.is_boolean() {
        return Err(wrong("no JSON Schema".into(), "send an object such as {\"type\": \"object\"}"));
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_MEMORY_BYTES))
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| {
            let place = error.instance_path().to_string();
            let text = format!("no JSON Schema 2020-12 that can be used: {}{error}", at(&place));
            wrong(shortened(&text), "correct it; other documents cannot be referred to")
        })
}

fn compile_pattern(pattern: &str) -> Result<Regex, Problem> {
    let wrong = |text: String| {
        Problem::new("output.pattern", text, "correct it; look-around and back references are not supported")
    };
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(wrong(format!("{} bytes, the limit is {MAX_PATTERN_BYTES}", pattern.len())));
    }
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_MEMORY_BYTES)
        .build()
        .map_err(|error| wrong(format!("no regular expression: {}", error.to_string().replace('\n', " "))))
}

impl Checks {
    /// Whether the text is to be JSON.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.schema.is_some()
    }

    /// What is wrong with `text`, in words that hold none of its own; nothing when it passes. At
    /// most 8 problems are told.
    #[must_use]
    pub fn problems(&self, text: &str) -> Vec<String> {
        let mut problems = self.schema_problems(text);
        problems.extend(self.text_problems(text));
        problems.truncate(MAX_PROBLEMS);
        problems
    }

    fn schema_problems(&self, text: &str) -> Vec<String> {
        let Some(schema) = &self.schema else { return Vec::new() };
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return vec![format!("the answer is not JSON: {error}")],
        };
        let told = |error: jsonschema::ValidationError<'_>| {
            shortened(&format!("{}{}", at(&error.instance_path().to_string()), error.masked()))
        };
        // References that meet again tell the same twice.
        let mut problems: Vec<String> = schema.iter_errors(&value).take(MAX_PROBLEMS).map(told).collect();
        let mut known = BTreeSet::new();
        problems.retain(|problem| known.insert(problem.clone()));
        problems
    }

    fn text_problems(&self, text: &str) -> Vec<String> {
        let spec = &self.spec;
        let mut problems = Vec::new();
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            let pattern = spec.pattern.as_deref().unwrap_or_default();
            problems.push(shortened(&format!("the answer does not match the regular expression {pattern}")));
        }
        let characters = text.chars().count() as u64;
        if let Some(least) = spec.min_characters.filter(|least| characters < *least) {
            problems.push(format!("the answer has {characters} characters, at least {least} are wanted"));
        }
        if let Some(most) = spec.max_characters.filter(|most| characters > *most) {
            problems.push(format!("the answer has {characters} characters, at most {most} are wanted"));
        }
        if let Some(one_of) =
            spec.one_of.as_ref().filter(|one_of| !one_of.iter().any(|value| value.trim() == text.trim()))
        {
            problems.push(shortened(&format!("the answer is none of: {}", one_of.join(", "))));
        }
        if let Some(least) = spec.min_citations {
            let found = citations(text);
            if found < least as usize {
                problems.push(format!("the answer has {found} citations, at least {least} are wanted"));
            }
        }
        problems
    }
}

/// How many different citations a text has: marks such as `[1]` or `[^1]`, and web addresses.
fn citations(text: &str) -> usize {
    let marks = text.split('[').skip(1).filter_map(|rest| {
        let mark = rest.split_once(']')?.0.trim_start_matches('^');
        (!mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_digit())).then(|| mark.to_owned())
    });
    let is_end = |character: char| character.is_whitespace() || "()[]<>\"'".contains(character);
    let addresses = text.split(is_end).filter_map(|word| {
        let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"))?;
        let rest = rest.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        (!rest.is_empty()).then(|| format!("//{rest}"))
    });
    marks.chain(addresses).collect::<BTreeSet<String>>().len()
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("{pointer}: ") }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_PROBLEM_CHARACTERS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MAX_PROBLEM_CHARACTERS).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
