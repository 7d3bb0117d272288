//! What is wrong with a JSON body, in the terms of whoever wrote it: the field, and what is expected
//! there.

use crate::problem::Problem;
use serde::de::{DeserializeOwned, Error as _};

/// The field's name when the body as a whole is meant.
pub const BODY: &str = "(body)";

/// Checks that a body is no list, which the reader of an object would take field by field in the
/// order they are declared in.
///
/// # Errors
/// It is one.
pub fn require_object(body: &[u8]) -> serde_json::Result<()> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Err(serde_json::Error::custom("a JSON object is expected, not a list")),
        _ => Ok(()),
    }
}

/// The fault that `error` is, which came of reading `body` as a `T`. Reads the body once more, this
/// time noting where it is.
#[must_use]
pub fn fault<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error, remedy: &str) -> Problem {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Problem::new(BODY, "empty, a JSON object is expected", remedy);
    }
    if !error.is_data() {
        return Problem::new(BODY, format!("not JSON: {error}"), "send one JSON object");
    }
    if require_object(body).is_err() {
        return Problem::new(BODY, "a JSON object is expected, not a list", remedy);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let field = serde_path_to_error::deserialize::<_, T>(&mut json).err().map(|error| error.path().to_string());
    let field = field.filter(|field| field != ".").unwrap_or_else(|| BODY.into());
    Problem::new(field, plain(error), remedy)
}

/// The reader's message without the names of its types.
#[must_use]
pub fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (text, place) = match text.rsplit_once(" at line ") {
        Some((text, place)) => (text, format!(" at line {place}")),
        None => (text.as_str(), String::new()),
    };
    if text.starts_with("UUID parsing failed") {
        return format!("not a UUID{place}");
    }
    match text.rsplit_once(", expected ") {
        Some((found, expected)) => format!("{}, expected {}{place}", found_words(found), expected_words(expected)),
        None => format!("{text}{place}"),
    }
}

fn found_words(found: &str) -> String {
    match found {
        "invalid type: sequence" => "invalid type: list".into(),
        "invalid type: map" => "invalid type: object".into(),
        "invalid type: unit value" => "invalid type: null".into(),
        _ => found.replacen("unknown variant ", "unknown value ", 1).replacen("floating point ", "number ", 1),
    }
}

fn expected_words(expected: &str) -> &str {
    match expected {
        "a map" => "a JSON object",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "string or map" => "a string",
        "u32" => "a whole number from 0 to 4294967295",
        "u8" | "u16" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("struct ") || expected.contains("tagged enum ") => "a JSON object",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message as _, task::TaskSubmitted};

    fn check(body: &str, field: &str, says: &str) {
        let Err(error) = TaskSubmitted::decode(body.as_bytes()) else { return assert!(says.is_empty(), "{body}") };
        let found = fault::<TaskSubmitted>(body.as_bytes(), &error, "mend it");
        assert!(found.field == field && found.message.starts_with(says), "{body}: {found}");
        for leak in ["struct ", "enum", "variant", "u32", "u64", "f64", "sequence", "a map"] {
            assert!(!found.message.contains(leak), "{body}: {found}");
        }
    }

    #[test]
    fn faults_are_told_in_the_terms_of_the_field() {
        let input = |fields: &str| format!(r#"{{"input": {{"messages": [{{"role": "user"}}], {fields}}}}}"#);
        let task = |field: &str| format!(r#"{{"input": {{"messages": []}}, {field}}}"#);
        let content =
            |content: &str| format!(r#"{{"input": {{"messages": [{{"role": "user", "content": {content}}}]}}}}"#);
        check("", "(body)", "empty, a JSON object is expected");
        check(" \n", "(body)", "empty, a JSON object is expected");
        check("[]", "(body)", "a JSON object is expected, not a list");
        check(r#" ["0199f2aa-0000-7000-8000-000000000001", "bus", null, {"messages": []}]"#, "(body)", "a JSON object");
        check("7", "(body)", "invalid type: integer `7`, expected a JSON object at line 1");
        check("{", "(body)", "not JSON: EOF");
        check(r#"{"input": []}"#, "input", "invalid type: list, expected a JSON object");
        check(r#"{"input": {"messages": {}}}"#, "input.messages", "invalid type: object, expected a list");
        check(
            &content("7"),
            "input.messages[0].content",
            "invalid type: integer `7`, expected a string or a list of parts",
        );
        check(&content(r#"[{"text": "hi"}]"#), "input.messages[0].content[0]", "missing field `type`");
        check(
            &content(r#"[{"type": "text", "text": 7}]"#),
            "input.messages[0].content[0].text",
            "invalid type: integer",
        );
        check(&content("null"), "", "");
        check(
            &input(r#""n": -1"#),
            "input.n",
            "invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
        );
        check(
            &input(r#""temperature": "hot""#),
            "input.temperature",
            "invalid type: string \"hot\", expected a number",
        );
        check(&input(r#""stream": 1"#), "input.stream", "invalid type: integer `1`, expected true or false");
        check(&task(r#""constraints": {"lane": "slow"}"#), "constraints.lane", "unknown value `slow`, expected");
        check(
            &task(r#""constraints": {"max_latency_ms": 1.5}"#),
            "constraints.max_latency_ms",
            "invalid type: number `1.5`",
        );
        check(&task(r#""id": "7""#), "id", "not a UUID");
        check(&task(r#""metadata": []"#), "metadata", "invalid type: list, expected a JSON object");
    }
}
