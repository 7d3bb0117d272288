//! `neptune workflow` as a process, without a stack.

use std::{fs, process::Command, time::Instant};

fn workflow(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_neptune")).arg("workflow").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const GREET: &str = "\
document: {dsl: '1.0.3', namespace: demo, name: greet, version: '1.0.0'}
timeout: {after: {minutes: 5}}
do:
  - ask:
      call: model:1.0.0@default
      with: {task: chat, input: '${ .name }'}
      timeout: {after: PT30S}
  - decide:
      switch:
        - known: {when: .known, then: end}
        - other: {then: pause}
  - pause:
      wait: {seconds: 2}
";

#[test]
fn a_definition_is_linted_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greet.yaml");
    fs::write(&file, GREET).unwrap();
    let path = file.to_str().unwrap();
    let (code, printed, told) = workflow(&["lint", path]);
    assert!(code == 0 && printed.is_empty() && told.contains("fine, 3 tasks and 2 expressions"), "{code} {told}");

    let (code, printed, told) = workflow(&["explain", path]);
    assert_eq!(code, 0, "{told}");
    let wanted = "\
demo/greet 1.0.0
3 tasks, 2 expressions, at most 5 min
  ask     calls model:1.0.0@default, within 30 s
  decide  goes: known if .known to the end; other else to pause
  pause   waits 2 s
";
    assert_eq!(printed, wanted);

    let (code, printed, _) = workflow(&["explain", path, "--json"]);
    let definition: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(code == 0 && definition["steps"][1]["action"]["switch"][1]["then"]["step"] == 2, "{printed}");
}

const TRIP: &str = "\
document: {dsl: '1.0.3', namespace: demo, name: trip, version: '1.0.0'}
do:
  - pause: {wait: {hours: 5}}
  - twice:
      for: {each: one, in: .all}
      do: [add: {set: {sum: '${ (.sum // 0) + $one }'}}]
  - ask: {call: 'approval:1.0.0@default', with: {to: boss}, output: {as: '{approved, sum: $input.sum}'}}
  - heard: {listen: {to: {one: {with: {type: go}}}}, output: {as: '{went: .[0], approved: $input.approved, sum: $input.sum}'}}
";

#[test]
fn a_workflow_is_run_without_a_stack() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trip.yaml");
    fs::write(&file, TRIP).unwrap();
    let path = file.to_str().unwrap();
    let input = r#"{"all": [1, 2]}"#;
    let event = r#"30000={"type": "go", "data": "far"}"#;
    let run = |more: &[&str]| {
        let mut arguments = vec!["run", "--local", path, "--skip-waits", "--input", input];
        arguments.extend(more);
        workflow(&arguments)
    };
    let (code, printed, told) = run(&["--event", event]);
    assert_eq!(code, 0, "{told}");
    for part in ["  pause", "300 min", "    twice [1]", "approved without asking", "\"went\": \"far\"", "\"sum\": 3"] {
        assert!(printed.contains(part), "{part} is missing in {printed}");
    }
    let (code, printed, _) = run(&["--event", event, "--refuse", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(code == 0 && told["ending"] == "completed" && told["output"]["approved"] == false, "{printed}");
    assert_eq!(told["tasks"][1]["name"], "pause");

    let (code, printed, told) = run(&[]);
    assert!(
        code == 5 && printed.contains("timed_out") && told.contains("the run ended as timed_out"),
        "{printed}{told}"
    );
    let (code, _, told) = workflow(&["run", path]);
    assert!(code == 2 && told.contains("--local"), "{told}");
    let (code, _, told) = run(&["--secret", "a=NEPTUNE_TEST_NOT_SET"]);
    assert!(code == 64 && told.contains("NEPTUNE_TEST_NOT_SET is not set"), "{told}");
}

#[test]
fn faults_are_named_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(&file, GREET.replace("then: pause", "then: pouse").replace(".known,", "'.known && .x',")).unwrap();
    let path = file.to_str().unwrap();
    let (code, _, told) = workflow(&["lint", path]);
    assert_eq!(code, 64);
    assert!(told.contains(&format!("{path}:10:25: /do/1/decide/switch/0/known/when: ")), "{told}");
    assert!(told.contains("jq writes `and`") && told.contains("did you mean `pause`?"), "{told}");

    let (code, printed, _) = workflow(&["lint", path, "--json"]);
    let reports: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(code == 64 && reports[0]["faults"][1]["place"]["line"] == 11, "{printed}");
    assert_eq!(workflow(&["lint", "absent.yaml"]).0, 1);
}

#[test]
fn what_would_not_be_applied_is_told_by_lint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("often.yaml");
    fs::write(&file, format!("{GREET}schedule: {{every: PT1H}}\n")).unwrap();
    let (code, _, told) = workflow(&["lint", file.to_str().unwrap()]);
    assert!(code == 64 && told.contains("often.yaml:14:11: /schedule: a schedule needs a team"), "{code} {told}");
    // It can be tried all the same.
    let (code, _, told) = workflow(&["explain", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn a_fault_of_the_run_as_a_whole_is_told_without_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.yaml");
    let head = "document: {dsl: '1.0.3', namespace: demo, name: slow, version: '1.0.0'}\n";
    let path = file.to_str().unwrap();
    let check = |rest: &str, told: &str| {
        fs::write(&file, format!("{head}{rest}do: [pause: {{wait: PT1M}}]\n")).unwrap();
        let (_, printed, told_too) = workflow(&["run", "--local", path]);
        assert!(printed.lines().any(|line| line.starts_with(told)), "{printed} {told_too}");
    };
    check("timeout: {after: {milliseconds: 200}}\n", "timed_out: the run took longer than its limit of 0.2 s");
    check("input: {schema: {document: {required: [a]}}}\n", "faulted: the input is not");
}

#[test]
fn expressions_are_evaluated_in_bounds() {
    let (code, printed, told) = workflow(&["evaluate", "${ .a + $x }", "--input", r#"{"a": 1}"#, "--variable", "x=2"]);
    assert!(code == 0 && printed.trim() == "3", "{code} {printed} {told}");
    let started = Instant::now();
    let (code, printed, told) = workflow(&["evaluate", "[range(1e9)]"]);
    assert!(code == 64 && printed.is_empty() && told.contains("steps"), "{code} {told}");
    assert!(started.elapsed().as_secs() < 5, "an endless expression took {:?}", started.elapsed());
    let (code, _, told) = workflow(&["evaluate", "env"]);
    assert!(code == 64 && told.contains("secrets are `$secrets`"), "{code} {told}");
    let (code, _, told) = workflow(&["evaluate", ".", "--input", "{"]);
    assert!(code == 64 && told.contains("--input is not JSON"), "{code} {told}");
}
