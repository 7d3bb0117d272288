//! JSON bodies: read once, and when that fails, what is wrong and where.

use neptune_contracts::{json, problem::Problem, unknown};
use serde::de::DeserializeOwned;

const REMEDY: &str = "send JSON in the shape of /openapi.json";

/// Reads a body, which is an object, whose unknown fields are its receiver's business.
///
/// # Errors
/// The fault, with field, line and column.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let found = json::require_object(body).and_then(|()| serde_json::from_slice(body));
    found.map_err(|error| json::fault::<T>(body, &error, REMEDY))
}

/// Reads a body that may hold known fields only, apart from `tolerated` ones.
///
/// # Errors
/// The fault, with field, line and column; or the unknown fields, the first 16.
pub fn read_strict<T: DeserializeOwned>(body: &[u8], tolerated: &[&str]) -> Result<T, Vec<Problem>> {
    let read = unknown::read(body, tolerated);
    let (found, unknown) = read.map_err(|error| vec![json::fault::<T>(body, &error, REMEDY)])?;
    if unknown.is_empty() { Ok(found) } else { Err(unknown.named.into_iter().map(no_such_field).collect()) }
}

fn no_such_field(field: String) -> Problem {
    Problem::new(field, "no such field", "check its spelling against /openapi.json, or leave it out")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use neptune_contracts::task::TaskSubmitted;

    fn faults(body: &str) -> Vec<(String, String)> {
        let problems = read_strict::<TaskSubmitted>(body.as_bytes(), &["team"]).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    fn check(body: &str, fields: &[&str], says: &str) {
        let found = faults(body);
        let names: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names, fields, "{body}: {found:?}");
        assert!(found.iter().all(|(_, message)| message.contains(says)), "{body}: {found:?}");
    }

    #[test]
    fn unknown_fields_are_all_named_at_any_depth() {
        let input = r#""input": {"messages": [{"role": "user", "content": "hi", "name": "ann"}], "seed": 7}"#;
        check(&format!("{{{input}}}"), &[], "");
        check(&format!("{{{input}, \"team\": \"x\"}}"), &[], "");
        check(&format!("{{{input}, \"inputs\": 1, \"lane\": 2}}"), &["inputs", "lane"], "no such field");
        check(
            &format!("{{{input}, \"constraints\": {{\"max_cost\": 1}}}}"),
            &["constraints.max_cost"],
            "no such field",
        );
        check(&format!("{{{input}, \"output\": {{\"schem\": {{}}}}}}"), &["output.schem"], "no such field");
        let delivery = r#""deliver": [{"channel": "email", "to": "a@b.example", "cc": "x"}]"#;
        check(&format!("{{{input}, {delivery}}}"), &["deliver[0].cc"], "no such field");
    }

    #[test]
    fn faults_name_field_line_and_column() {
        check("{\"input\":\n {\"messages\": 7}}", &["input.messages"], "line 2 column 15");
        check("{\"input\": {\"messages\": [],\n \"temperature\": \"hot\"}}", &["input.temperature"], "line 2");
        check("{\"input\": {\"messages\": [{}]}}", &["input.messages[0]"], "missing field `role`");
        check("{\"constraints\": {}}", &["(body)"], "missing field `input`");
        check("{\"input\": ", &["(body)"], "not JSON: EOF while parsing a value at line 1 column 10");
        check("{\"input\": {\"messages\": []}} x", &["(body)"], "not JSON: trailing characters");
        check("[]", &["(body)"], "a JSON object is expected, not a list");
        check("", &["(body)"], "empty");
        check("{\"input\": 7}", &["input"], "expected a JSON object");
        check(
            "{\"input\": {\"messages\": [{\"role\": \"user\", \"content\": 7}]}}",
            &["input.messages[0].content"],
            "a list of parts",
        );
    }

    #[test]
    fn a_lenient_read_names_its_fault_too() {
        type Named = std::collections::BTreeMap<String, u8>;
        assert_eq!(read::<Named>(br#"{"a": 1, "b": 300}"#).unwrap_err().field, "b");
        assert_eq!(read::<Named>(br#"{"a": 1}"#).unwrap(), Named::from([("a".into(), 1)]));
        assert_eq!(read::<(u8, u8)>(b"[1, 2]").unwrap_err().message, "a JSON object is expected, not a list");
    }
}
