//! Answers by what real models made of real prompts.

use std::io::Write as _;
use std::process::{Command, Stdio};

use neptune_simulator::domain::outcomes::Outcomes;
use serde_json::{Value, json};

use crate::server::{Server, text};

const ROW: &str =
    r#"{"prompt": "What is 2 + 2?", "score": {"real/a": 1.0, "real/b": 0.0}, "out_tokens": {"real/a": 40}}"#;

#[tokio::test]
async fn a_model_is_right_or_wrong_as_the_one_it_replays_was() {
    let mut outcomes = Outcomes::default();
    outcomes.add(ROW).unwrap();
    let declared = "models: {strong: {replays: real/a}, weak: {replays: real/b}, other: {}}";
    let server = Server::start_with(declared, None, outcomes).await;
    let said = async |model: &str, question: &str| -> Value {
        server.ask(model, question).await.unwrap().json().await.unwrap()
    };
    let right = said("strong", "What is 2 + 2?").await;
    assert!(text(&right).starts_with("This answer is right, its score is 1.000."), "{right}");
    assert!((40..=43).contains(&right["usage"]["completion_tokens"].as_u64().unwrap()), "{right}");
    assert!(text(&said("weak", "What is 2 + 2?").await).contains("is wrong, its score is 0.000"));
    // What is not among the prompts, and who replays nobody, is answered as usual.
    assert!(!text(&said("strong", "What is 2 + 3?").await).contains("score"));
    assert!(!text(&said("other", "What is 2 + 2?").await).contains("score"));
    let (status, refused) = server.put("other", json!({"replays": "real/c"})).await;
    assert_eq!(status.as_u16(), 400);
    assert!(refused["error"]["message"].as_str().unwrap().contains("real/c"), "{refused}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outcomes.jsonl");
    writeln!(std::fs::File::create(&file).unwrap(), "{ROW}\n\nnonsense").unwrap();
    let run = |files: &str, config: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neptune-simulator"));
        command.env_clear().env("NEPTUNE_SIMULATOR_REPLAY", files).stdout(Stdio::null());
        if !config.is_empty() {
            let path = folder.path().join("models.yaml");
            std::fs::write(&path, config).unwrap();
            command.env("NEPTUNE_SIMULATOR_CONFIG", path);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = run(&format!("{}", file.display()), "");
    assert!(told.contains("outcomes.jsonl: line 3: no row of outcomes"), "{told}");
    assert!(run("/nowhere/x.jsonl.gz", "").contains("/nowhere/x.jsonl.gz: the file cannot be read"));
    writeln!(std::fs::File::create(&file).unwrap(), "{ROW}").unwrap();
    let told = run(&format!("{}", file.display()), "models: {m: {replays: real/c}}");
    assert!(told.contains("m: replays names \"real/c\""), "{told}");
}
