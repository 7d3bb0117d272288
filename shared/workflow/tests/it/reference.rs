//! The reference for people who write workflows is that of the grammar and of the messages.

use neptune_workflow::grammar;
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};

const BEGIN: &str = "<!-- Generated from the grammar by `make schemas`. Do not edit. -->\n";
const END: &str = "<!-- The end of what is generated. -->\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("deploy/resources/workflows/README.md")).unwrap()
}

/// `UPDATE_SCHEMAS=1` writes it anew.
#[test]
fn the_fields_are_those_of_the_grammar() {
    let text = page();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let rendered = format!("{before}{BEGIN}\n{}{END}{after}", grammar::reference());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(root().join("deploy/resources/workflows/README.md"), &rendered).unwrap();
        return;
    }
    assert!(text == rendered, "deploy/resources/workflows/README.md is not what the grammar says; run `make schemas`");
}

/// Every word that a run can stand by, and no other.
#[test]
fn the_states_are_those_of_runs() {
    let schema = std::fs::read_to_string(root().join("schemas/run.finished.v1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let outcomes = schema["$defs"]["RunOutcome"]["oneOf"].as_array().unwrap();
    let mut wanted: BTreeSet<String> = outcomes.iter().map(|one| one["const"].as_str().unwrap().to_owned()).collect();
    wanted.extend(["running", "paused", "compensating"].map(str::to_owned));
    let text = page();
    let table = text.split("| run | means |\n| --- | --- |\n").nth(1).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with("| `"));
    let told: BTreeSet<String> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(told, wanted);
}
