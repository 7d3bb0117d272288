//! `neptune eval` as a process, without a stack.

use std::{fs, process::Command};

fn eval(arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_neptune"))
        .args(["--state-dir", folder.path().to_str().unwrap(), "eval", "task-type"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn task_types_come_in_the_order_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("prompts.jsonl");
    let prompts = [
        ("z", "Translate into German: good day", "translation"),
        ("a", "Write a Python function that reverses a list", "code_generation"),
        ("m", "What is the capital of Mongolia?", "chat"),
    ];
    let lines = prompts.map(|(id, prompt, task_type)| {
        serde_json::json!({"id": id, "prompt": prompt, "task_type": task_type}).to_string()
    });
    fs::write(&input, lines.join("\n")).unwrap();

    let (code, printed, told) = eval(&["--input", input.to_str().unwrap(), "--report"]);
    assert_eq!(code, 0, "{told}");
    let found: Vec<(String, String)> = printed
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let confidence = line["confidence"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&confidence), "{line}");
            (line["id"].as_str().unwrap().to_owned(), line["task_type"].as_str().unwrap().to_owned())
        })
        .collect();
    let wanted = [("z", "translation"), ("a", "code_generation"), ("m", "question_answering")];
    assert_eq!(found, wanted.map(|(id, task_type)| (id.to_owned(), task_type.to_owned())));
    assert!(told.contains("3 prompts: accuracy 66.7 %"), "{told}");
}

#[test]
fn input_that_is_not_usable_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, told) = eval(&["--input", folder.path().join("absent.jsonl").to_str().unwrap()]);
    assert!(code == 1 && told.contains("absent.jsonl"), "{code} {told}");
    let input = folder.path().join("bad.jsonl");
    fs::write(&input, "{\"prompt\": \"no id\"}\n").unwrap();
    let (code, printed, told) = eval(&["--input", input.to_str().unwrap()]);
    assert!(code == 64 && printed.is_empty() && told.contains("bad.jsonl:1"), "{code} {told}");
}
