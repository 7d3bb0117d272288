//! The official examples, the definitions of the conformance kit and the official schema, read in place.

use neptune_workflow::{grammar, source::Node};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The folder of the specification, or none with a word why.
pub(crate) fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let folder = shared.join("data/ows");
    if !folder.exists() {
        println!("skipped: {} is not there; NEPTUNE_SHARED names the folder of shared data", folder.display());
        return None;
    }
    Some(folder)
}

/// Name and text of every example and of every definition of the kit.
pub(crate) fn documents(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join("examples")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".yaml") {
            found.push((name, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    assert_eq!(found.len(), 68, "the official examples");
    for entry in std::fs::read_dir(folder.join("ctk/features")).unwrap().flatten() {
        let feature = std::fs::read_to_string(entry.path()).unwrap();
        for (index, part) in feature.split("workflow with definition:").skip(1).enumerate() {
            let block = part.split("\"\"\"").nth(1).unwrap().trim_start_matches("yaml");
            found.push((format!("{} {index}", entry.file_name().display()), unindented(block)));
        }
    }
    let triage = std::fs::read_to_string(folder.join("example-ai-triage.yaml")).unwrap();
    // A channel that Neptune does not have.
    let triage = triage.replace("channel: slack, to: '#support-triage'", "channel: webhook, to: 'https://a.example'");
    found.push(("triage".to_owned(), triage));
    found
}

fn unindented(block: &str) -> String {
    let lines: Vec<&str> = block.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap();
    lines.iter().map(|line| format!("{}\n", &line[indent..])).collect()
}

fn schema(folder: &std::path::Path) -> jsonschema::Validator {
    let text = std::fs::read_to_string(folder.join("schema/workflow.yaml")).unwrap();
    let mut schema = Node::read(&text).unwrap().to_json();
    schema["$id"] = json!("https://example.com/workflow.yaml");
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_official_document_is_read() {
    let Some(folder) = folder() else { return };
    let schema = schema(&folder);
    let documents = documents(&folder);
    assert_eq!(documents.len(), 68 + 21 + 1);
    for (name, text) in documents {
        let node = Node::read(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(schema.is_valid(&node.to_json()), "{name}: the schema refuses what was read");
        let faults = grammar::check(&node);
        assert!(faults.is_empty(), "{name}: {}", faults[0]);
        let as_json = Node::read(&node.to_json().to_string()).unwrap();
        assert_eq!(as_json.to_json(), node.to_json(), "{name}: JSON is read like YAML");
    }
}

/// Every document that differs from `value` in one place, with what was changed.
fn mutants(value: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let mut found = Vec::new();
    for pointer in &pointers {
        let mut change = |what: &str, new: Value| {
            let mut mutant = value.clone();
            *mutant.pointer_mut(pointer).unwrap() = new;
            found.push((format!("{what} at {pointer}"), mutant));
        };
        for new in [
            Value::Null,
            json!(true),
            json!(7),
            json!(1.5),
            json!("x"),
            json!("two words"),
            json!(""),
            json!("${ .a }"),
            json!([]),
            json!({}),
            json!(["x"]),
            json!([{"x": 1}]),
            json!({"x": 1}),
            json!({"use": "x"}),
        ] {
            change(&new.to_string(), new.clone());
        }
        if let Some(Value::Object(fields)) = value.pointer(pointer) {
            for name in fields.keys() {
                let mut mutant = value.clone();
                mutant.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
                found.push((format!("{pointer} without {name}"), mutant));
            }
            for (name, new) in [
                ("surprise", json!(1)),
                ("then", json!("end")),
                ("do", json!([])),
                ("set", json!({"a": 1})),
                ("read", json!("data")),
                ("until", json!("x")),
            ] {
                // Unknown fields at the top are faults here and ignored by the schema.
                if pointer.is_empty() || fields.contains_key(name) {
                    continue;
                }
                let mut mutant = value.clone();
                mutant.pointer_mut(pointer).unwrap()[name] = new;
                found.push((format!("{pointer} with {name}"), mutant));
            }
        }
    }
    found
}

fn collect(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, grammar::below(&pointer, name), into))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| collect(value, format!("{pointer}/{index}"), into));
        }
        _ => {}
    }
    into.push(pointer);
}

#[test]
fn valid_and_invalid_documents_agree_with_the_official_schema() {
    let Some(folder) = folder() else { return };
    let schema = schema(&folder);
    let (mut valid, mut invalid, mut differences) = (0, 0, Vec::new());
    for (name, text) in documents(&folder) {
        let value = Node::read(&text).unwrap().to_json();
        // One in five keeps the test short; all 36,638 agreed when this was written.
        for (change, mutant) in mutants(&value).into_iter().step_by(5) {
            let node = Node::read(&mutant.to_string()).unwrap();
            let faults = grammar::check(&node);
            let (ours, official) = (faults.is_empty(), schema.is_valid(&mutant));
            *(if official { &mut valid } else { &mut invalid }) += 1;
            if ours != official {
                differences.push(format!(
                    "{name}: {change}: schema {official}, here {}",
                    faults.first().map_or_else(|| "valid".to_owned(), ToString::to_string)
                ));
            }
        }
    }
    println!("{valid} valid and {invalid} invalid documents, {} differences", differences.len());
    assert!(valid > 1_000 && invalid > 5_000);
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
}

/// The schema for editors is committed; `UPDATE_SCHEMAS=1` writes it anew.
#[test]
fn the_schema_for_editors_is_that_of_the_grammar() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/workflow.json");
    let rendered = format!("{}\n", serde_json::to_string_pretty(&grammar::json_schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "schemas/workflow.json is not what the grammar says; run `make schemas`");
}

#[test]
fn the_schema_for_editors_agrees_with_the_grammar() {
    let Some(folder) = folder() else { return };
    let schema = jsonschema::validator_for(&grammar::json_schema()).unwrap();
    let (mut stricter, mut laxer, mut refused) = (Vec::new(), 0, 0);
    for (name, text) in documents(&folder) {
        let value = Node::read(&text).unwrap().to_json();
        assert!(schema.is_valid(&value), "{name}");
        for (change, mutant) in mutants(&value).into_iter().step_by(29) {
            let is_right = grammar::lint(&Node::read(&mutant.to_string()).unwrap()).is_empty();
            match (is_right, schema.is_valid(&mutant)) {
                (true, false) => stricter.push(format!("{name}: {change}")),
                (false, true) => laxer += 1,
                (false, false) => refused += 1,
                (true, true) => {}
            }
        }
    }
    assert!(stricter.is_empty(), "the schema refuses what is right: {}", stricter.join("\n"));
    // What it does not see are forms of texts and rules between fields.
    assert!(laxer * 4 < refused, "of wrong documents {laxer} pass and {refused} do not");
}
