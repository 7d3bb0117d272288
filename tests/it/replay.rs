//! Real outcomes of real models, replayed: the router learns from feedback which of two is right more often.

use crate::support::{SOON, run};
use flate2::read::GzDecoder;
use neptune_tests::{
    resources::{manifest, model},
    stack::Stack,
    tools::{root, skipped},
};
use serde_json::{Value, json};
use std::{fs::File, io::Read as _, path::PathBuf};

/// Declared to be the better one, and in truth the worse.
const CLAIMS: (&str, &str) = ("replay/claims", "qwen1.5-7b-chat");
/// The other way round.
const DOES: (&str, &str) = ("replay/does", "gpt-4o-2024-05-13");
/// Questions asked; feedback takes a moment to be learnt from.
const QUESTIONS: usize = 240;

/// A question of which it is known how right either model is.
struct Question {
    prompt: String,
    /// The score of the model that claims to be better.
    claims: f64,
}

fn questions(file: &std::path::Path) -> Vec<Question> {
    let mut text = String::new();
    GzDecoder::new(File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let read = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let (claims, _) = (row["score"][CLAIMS.1].as_f64()?, row["score"][DOES.1].as_f64()?);
        Some(Question { prompt: row["prompt"].as_str()?.to_owned(), claims })
    };
    text.lines().filter_map(read).step_by(17).take(QUESTIONS).collect()
}

/// The score that a replayed answer says it has.
fn score(fact: &Value) -> f64 {
    let said = fact["output"]["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{fact}"));
    let score = said.split("its score is ").nth(1).and_then(|rest| rest.get(..5)).and_then(|score| score.parse().ok());
    score.unwrap_or_else(|| panic!("not a replayed answer: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_on_replayed_answers_moves_the_traffic_to_the_model_that_is_right() {
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let file = shared.join("data/routing/routing_mmlu_pro.jsonl.gz");
    if !file.is_file() {
        return skipped(&format!("{} is not there; NEPTUNE_SHARED names the folder of shared data", file.display()));
    }
    let stack = Stack::start_in("", &[("NEPTUNE_SIMULATOR_REPLAY", file.to_str().unwrap())]).await;
    for ((name, replayed), quality) in [(CLAIMS, 0.8), (DOES, 0.65)] {
        stack.apply(&[model(name, "external", ("1", "1"), quality)]).await;
        stack.simulate(name, json!({"replays": replayed})).await;
    }
    stack.apply(&[manifest("Route", "replayed", json!({"candidates": ["replay/*"]}))]).await;
    let questions = questions(&file);
    let mut asked = Vec::new();
    for question in &questions {
        let messages = json!([{"role": "user", "content": question.prompt}]);
        let constraints = json!({"route": "replayed"});
        let body = json!({"input": {"messages": messages}, "task_type": "reasoning", "constraints": constraints});
        let fact = run(&stack, body).await;
        let first = fact["attempts"][0]["model"].as_str().unwrap_or_else(|| panic!("{fact}")).to_owned();
        let score = score(&fact);
        let path = format!("/v1/tasks/{}/feedback", fact["id"].as_str().unwrap());
        let told = stack.post(&path).json(&json!({"score": score, "by": "person"})).timeout(SOON).send().await.unwrap();
        assert_eq!(told.status(), 202, "{}", told.text().await.unwrap());
        asked.push((first, score));
    }
    assert_eq!(asked[0].0, CLAIMS.0, "what is declared decides at first");
    let last = QUESTIONS - 100..QUESTIONS;
    let moved = asked[last.clone()].iter().filter(|(model, _)| model == DOES.0).count();
    let right: f64 = asked[last.clone()].iter().map(|(_, score)| score).sum();
    let as_declared: f64 = questions[last].iter().map(|question| question.claims).sum();
    eprintln!("of the last 100 questions {moved} went to the better model; {right} right, {as_declared} as declared");
    assert!(moved >= 85, "{moved} of 100 went to the model that is right more often");
    assert!(right > as_declared + 25.0, "{right} of 100 are right, {as_declared} would be as declared");
}
