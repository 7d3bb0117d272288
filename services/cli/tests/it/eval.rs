//! `neptune eval` over small files: what it prints, and what it must not look at.

use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

/// Two data sets; `dear` is right everywhere, `cheap` only in the easy one.
fn tasks(count: usize, right: impl Fn(usize) -> [f64; 2]) -> String {
    let line = |number: usize| {
        let step = if number.is_multiple_of(2) { "set/easy" } else { "set/hard" };
        let [cheap, dear] = right(number);
        json!({"id": format!("t{number}"), "dataset": step, "task_type": "reasoning", "prompt": format!("task {number}"),
            "score": {"cheap": cheap, "dear": dear}, "cost": {"cheap": 0.001, "dear": 0.01}})
    };
    (0..count).map(|number| format!("{}\n", line(number))).collect()
}

fn usual(number: usize) -> [f64; 2] {
    [f64::from(u8::from(number.is_multiple_of(2))), 1.0]
}

fn eval(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_neptune")).arg("eval").args(arguments).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn routing_prints_what_is_expected_of_each_model_in_order() {
    let test = r#"{"id":"b","dataset":"set/hard","task_type":"reasoning","prompt":"task 1","score":{"cheap":1,"dear":0}}
{"id":"a","dataset":"set/easy","task_type":"reasoning","prompt":"task 2","score":{"dear":0,"new":1}}
"#;
    let folder = folder(&[("train.jsonl", tasks(100, usual)), ("test.jsonl", test.into())]);
    let printed = eval(folder.path(), &["routing", "--train", "train.jsonl", "--test", "test.jsonl"]);
    assert_eq!(printed.iter().map(|line| line["id"].clone()).collect::<Vec<_>>(), ["b", "a"]);
    let (hard, easy) = (&printed[0]["candidates"], &printed[1]["candidates"]);
    assert!(hard["cheap"]["quality"].as_f64().unwrap() < 0.2 && hard["dear"]["quality"].as_f64().unwrap() > 0.8);
    assert!((hard["dear"]["cost_usd"].as_f64().unwrap() - 0.01).abs() < 1e-9);
    assert!(
        easy.get("cheap").is_none()
            && easy["new"]["quality"].as_f64().unwrap() > 0.5
            && easy["new"]["cost_usd"].is_null()
    );
}

#[test]
fn routing_does_not_look_at_the_outcomes_of_the_test() {
    let train = tasks(300, usual);
    let folder =
        folder(&[("train.jsonl", train), ("a.jsonl", tasks(40, usual)), ("b.jsonl", tasks(40, |_| [0.5, 0.0]))]);
    let run = |test| eval(folder.path(), &["routing", "--train", "train.jsonl", "--test", test]);
    assert_eq!(run("a.jsonl"), run("b.jsonl"));
}

#[test]
fn bandit_chooses_before_it_reads_the_outcome() {
    // The streams differ only in the outcomes of their last task: every choice must be the same.
    let stream = |last: [f64; 2]| tasks(60, move |number| if number == 59 { last } else { usual(number) });
    let folder =
        folder(&[("prior.jsonl", tasks(100, usual)), ("a.jsonl", stream([0.0, 1.0])), ("b.jsonl", stream([1.0, 0.0]))]);
    let run = |stream, seed| {
        eval(folder.path(), &["bandit", "--prior", "prior.jsonl", "--stream", stream, "--lambda", "20", "--seed", seed])
    };
    let printed = run("a.jsonl", "1");
    assert_eq!(printed, run("b.jsonl", "1"));
    assert_eq!(printed.len(), 60);
    // A right answer is worth five cents: dear pays where cheap fails, and only there.
    let on = |model: &str, odd: bool| {
        printed.iter().enumerate().filter(|(number, line)| (number % 2 == 1) == odd && line["model"] == model).count()
    };
    assert!(on("cheap", false) >= 28 && on("dear", true) >= 28, "{printed:?}");
}

#[test]
fn faults_name_the_file_and_the_line() {
    let folder = folder(&[("train.jsonl", "{\"id\":\"a\"}\n{\"score\":{}}\n".into())]);
    let ran = Command::new(env!("CARGO_BIN_EXE_neptune"))
        .args(["eval", "routing", "--train", "train.jsonl", "--test", "train.jsonl"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert!(
        ran.status.code() == Some(64) && told.contains("train.jsonl:2: not a labelled task: missing field `id`"),
        "{told}"
    );
}
