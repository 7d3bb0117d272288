//! JSON bodies: read once, and when that fails, what is wrong and where.

use neptune_contracts::{json, problem::Problem, unknown};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Most faults of a body that are told.
const MOST: usize = 16;

const REMEDY: &str = "send JSON in the shape of /openapi.json";

/// Reads a body, which is an object, whose unknown fields are its receiver's business.
///
/// # Errors
/// The fault, with field, line and column.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let found = json::require_object(body).and_then(|()| serde_json::from_slice(body));
    found.map_err(|error| json::fault::<T>(body, &error, REMEDY))
}

/// The same, with the fault of every field.
///
/// # Errors
/// The faults; the first with field, line and column.
pub fn read_whole<T: DeserializeOwned>(body: &[u8]) -> Result<T, Vec<Problem>> {
    let found = json::require_object(body).and_then(|()| serde_json::from_slice(body));
    found.map_err(|error| faults::<T>(body, &error, None))
}

/// Reads a body that may hold known fields only, apart from `tolerated` ones.
///
/// # Errors
/// The faults, the first with field, line and column; and the unknown fields, the first 16.
pub fn read_strict<T: DeserializeOwned>(body: &[u8], tolerated: &[&str]) -> Result<T, Vec<Problem>> {
    let read = unknown::read(body, tolerated);
    let (found, unknown) = read.map_err(|error| faults::<T>(body, &error, Some(tolerated)))?;
    if unknown.is_empty() { Ok(found) } else { Err(unknown.named.into_iter().map(no_such_field).collect()) }
}

/// The fault that `error` is, and those of other fields: what is wrong is taken out, and the rest is read again. `known`
/// tells which unknown fields are none.
fn faults<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error, known: Option<&[&str]>) -> Vec<Problem> {
    let mut faults = vec![json::fault::<T>(body, error, REMEDY)];
    let Ok(mut rest) = serde_json::from_slice::<Value>(body) else { return faults };
    while faults.len() < MOST {
        if !faults.last().is_some_and(|fault| take_out(&mut rest, &fault.field)) {
            return faults;
        }
        let text = rest.to_string();
        let Err(error) = serde_json::from_str::<T>(&text) else {
            let unknown = known.and_then(|known| unknown::read::<T>(text.as_bytes(), known).ok());
            faults.extend(unknown.into_iter().flat_map(|(_, unknown)| unknown.named).map(no_such_field));
            faults.truncate(MOST);
            return faults;
        };
        let next = json::fault::<T>(text.as_bytes(), &error, REMEDY);
        // A field that must be there, and was taken out.
        if next.message.starts_with("missing field") {
            return faults;
        }
        // Lines are those of the rest, which nobody has sent.
        let message = next.message.split(" at line ").next().unwrap_or_default().to_owned();
        faults.push(Problem { message, ..next });
    }
    faults
}

/// Takes a field out, as `constraints.lane` names it. False when it is none: of lists, whose items would be
/// numbered anew, nothing is taken out.
fn take_out(value: &mut Value, path: &str) -> bool {
    let mut at = value;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let (name, items) = name.split_once('[').map_or((name, ""), |(name, items)| (name, items));
        if names.peek().is_none() && items.is_empty() {
            return at.as_object_mut().is_some_and(|fields| fields.remove(name).is_some());
        }
        let indices = items.split('[').filter_map(|item| item.trim_end_matches(']').parse::<usize>().ok());
        let inner = at.get_mut(name);
        let inner = indices.fold(inner, |inner, index| inner.and_then(|inner| inner.get_mut(index)));
        match inner {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    false
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
    fn every_field_of_another_type_is_named() {
        let body = r#"{"input": {"messages": [], "temperature": "hot", "stream": 1}, "metadata": [], "lane": 2,
            "constraints": {"lane": "slow", "max_latency_ms": -1}}"#;
        let names: Vec<String> = faults(body).into_iter().map(|(field, _)| field).collect();
        // The first as it was sent, the others by name, and what is no field at last.
        let wanted =
            ["input.temperature", "constraints.lane", "constraints.max_latency_ms", "input.stream", "metadata", "lane"];
        assert_eq!(names, wanted);
        // What must be there is told to be wrong, and not to be missing besides.
        let names: Vec<String> =
            faults(r#"{"input": 7, "metadata": []}"#).into_iter().map(|(field, _)| field).collect();
        assert_eq!(names, ["input", "metadata"]);
        let whole =
            read_whole::<TaskSubmitted>(br#"{"input": {"messages": [{"role": "user", "content": 7}], "n": "x"}}"#);
        let names: Vec<String> = whole.unwrap_err().into_iter().map(|fault| fault.field).collect();
        assert_eq!(names, ["input.messages[0].content", "input.n"]);
    }

    #[test]
    fn a_lenient_read_names_its_fault_too() {
        type Named = std::collections::BTreeMap<String, u8>;
        assert_eq!(read::<Named>(br#"{"a": 1, "b": 300}"#).unwrap_err().field, "b");
        assert_eq!(read::<Named>(br#"{"a": 1}"#).unwrap(), Named::from([("a".into(), 1)]));
        assert_eq!(read::<(u8, u8)>(b"[1, 2]").unwrap_err().message, "a JSON object is expected, not a list");
    }
}
