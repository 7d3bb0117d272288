#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::json;

fn spec(json: Value) -> OutputSpec {
    serde_json::from_value(json).unwrap()
}

fn check(output: Value, text: &str, wanted: &[&str]) {
    let found = spec(output.clone()).checks().unwrap().problems(text);
    assert_eq!(found.len(), wanted.len(), "{output} of {text:?}: {found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{output} of {text:?}: {found:?}");
    }
}

#[test]
fn each_check_says_what_it_misses() {
    let object = json!({"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}});
    check(json!({ "schema": object }), r#"{"total": 7}"#, &[]);
    check(json!({ "schema": object }), r#"{"total": "seven"}"#, &["/total: value is not of type"]);
    check(json!({ "schema": object }), "{}", &["\"total\" is a required property"]);
    check(json!({ "schema": object }), "total: 7", &["not JSON"]);
    check(json!({"pattern": "^[A-Z]{2}$"}), "DE", &[]);
    check(json!({"pattern": "^[A-Z]{2}$"}), "de", &["regular expression ^[A-Z]{2}$"]);
    check(json!({"min_characters": 3, "max_characters": 5}), "äöüß", &[]);
    check(json!({"min_characters": 3, "max_characters": 5}), "äö", &["has 2 characters"]);
    check(json!({"min_characters": 3, "max_characters": 5}), "abcdef", &["at most 5"]);
    check(json!({"one_of": ["bug", "billing"]}), " bug\n", &[]);
    check(json!({"one_of": ["bug", "billing"]}), "bugs", &["none of: bug, billing"]);
    check(json!({"min_citations": 2}), "So it is [1], as https://a.example/x. says.", &[]);
    check(json!({"min_citations": 2}), "So it is [1] and [1], (see [^1]) and a[0x].", &["has 1 citations"]);
    check(json!({"min_citations": 1}), "http:// and https://", &["has 0 citations"]);
    check(json!({}), "anything", &[]);
}

#[test]
fn a_problem_never_repeats_the_answer() {
    let output = json!({"schema": {"type": "object", "properties": {"name": {"maxLength": 3}}}});
    check(output, r#"{"name": "Erika Mustermann"}"#, &["/name: value is longer than 3 characters"]);
    let strict = json!({"schema": {"enum": [1, 2]}});
    let found = spec(strict).checks().unwrap().problems("\"secret\"");
    assert!(found.iter().all(|problem| !problem.contains("secret")), "{found:?}");
}

#[test]
fn a_spec_that_cannot_be_used_is_named() {
    let faulty = |json: Value| -> Vec<String> { spec(json).problems().into_iter().map(|found| found.field).collect() };
    let none: [&str; 0] = [];
    assert_eq!(faulty(json!({"schema": true, "pattern": "a+", "min_characters": 1, "max_characters": 1})), none);
    assert_eq!(faulty(json!({"schema": "object"})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"type": "objekt"}})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"$ref": "https://example.com/other.json"}})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"$ref": "file:///etc/passwd"}})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"$ref": "#/$defs/none"}})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"pattern": "(?=a)"}})), ["output.schema"]);
    assert_eq!(faulty(json!({"schema": {"description": "x".repeat(70_000)}})), ["output.schema"]);
    assert_eq!(faulty(json!({"pattern": "("})), ["output.pattern"]);
    assert_eq!(faulty(json!({"pattern": "(a{1000}){1000}"})), ["output.pattern"]);
    assert_eq!(faulty(json!({"pattern": "a".repeat(5_000)})), ["output.pattern"]);
    assert_eq!(faulty(json!({"min_characters": 2, "max_characters": 1})), ["output.min_characters"]);
    assert_eq!(faulty(json!({"max_characters": 0})), ["output.max_characters"]);
    assert_eq!(faulty(json!({"one_of": vec!["a"; 1_001]})), ["output.one_of"]);
    assert_eq!(faulty(json!({"one_of": []})), ["output.one_of"]);
    assert_eq!(faulty(json!({"one_of": ["a", "b".repeat(5_000)]})), ["output.one_of[1]"]);
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    check(json!({"schema": {"$ref": "#"}}), "1", &[]);
    check(json!({"schema": {"allOf": [{"$ref": "#"}], "type": "object"}}), "1", &["type"]);
    let tree = json!({"schema": {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}});
    check(tree.clone(), r#"{"left": {"right": {}}}"#, &[]);
    check(tree, r#"{"left": {"right": 1}}"#, &["/left/right: value is not of type"]);
}
