#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
use super::*;
use neptune_contracts::names::TaskType;

fn example(step: &str, text: &str, scores: [f64; 2], costs_usd: [f64; 2]) -> Example {
    Example {
        context: Context::new(TaskType::Extraction, 10, Some(step)),
        wording: Wording::read(text),
        length_bytes: text.len(),
        weight: 1.0,
        scores: scores.map(Some).into(),
        costs_usd: costs_usd.map(Some).into(),
    }
}

fn learn(examples: &[Example]) -> Lessons {
    Lessons::learn(vec!["cheap".into(), "dear".into()], examples)
}

fn expect(lessons: &Lessons, step: &str, text: &str, models: &[&str]) -> Vec<Expectation> {
    let context = Context::new(TaskType::Extraction, 10, Some(step));
    lessons.expect(&Question { context: &context, text }, models, (&Cells::new(), 0))
}

fn two_steps() -> Vec<Example> {
    (0..100)
        .flat_map(|_| {
            [
                example("easy", "short", [1.0, 1.0], [0.001, 0.01]),
                example("hard", "a much longer text", [0.0, 1.0], [0.002, 0.02]),
            ]
        })
        .collect()
}

#[test]
fn each_step_has_its_own_expectation() {
    let lessons = learn(&two_steps());
    // Without words, only the steps differ.
    let quality = |step: &str| {
        expect(&lessons, step, "", &["cheap", "dear"]).iter().map(|known| known.quality.mean).collect::<Vec<_>>()
    };
    let (easy, hard, new) = (quality("easy"), quality("hard"), quality("new"));
    assert!(easy[0] > 0.9 && easy[1] > 0.9 && hard[0] < 0.1 && hard[1] > 0.9, "{easy:?} {hard:?}");
    assert!((new[0] - 0.5).abs() < 0.05 && new[1] > 0.9, "a new step is like the others of its kind: {new:?}");
}

#[test]
fn a_longer_task_costs_more_within_its_step() {
    let examples: Vec<Example> = (0..50)
        .flat_map(|_| {
            [
                example("s", "1234567890", [1.0, 1.0], [0.001, 0.01]),
                example("s", "12345678901234567890", [1.0, 1.0], [0.002, 0.01]),
            ]
        })
        .collect();
    let lessons = learn(&examples);
    let cost = |text: &str| {
        expect(&lessons, "s", text, &["cheap", "dear"]).iter().map(|known| known.cost_usd.unwrap()).collect::<Vec<_>>()
    };
    assert!((cost("1234567890")[0] - 0.001).abs() < 1e-9 && (cost("12345678901234567890")[0] - 0.002).abs() < 1e-9);
    assert!((cost("")[1] - 0.01).abs() < 1e-9, "its cost does not depend on the length");
    assert!(cost("")[0] > 0.0);
}

#[test]
fn an_unknown_model_is_taken_to_be_a_little_worse_and_to_cost_nobody_knows_what() {
    let lessons = learn(&two_steps());
    let known = expect(&lessons, "easy", "short", &["cheap", "dear", "new"]);
    assert!(known[2].quality.mean < known[0].quality.mean && known[2].quality.mean > 0.8, "{known:?}");
    assert_eq!(known[2].cost_usd, None);
}

#[test]
fn missing_scores_and_costs_are_no_zeros() {
    let mut examples = two_steps();
    for example in &mut examples {
        (example.scores[1], example.costs_usd[1]) = (None, None);
    }
    let lessons = learn(&examples);
    let known = expect(&lessons, "easy", "short", &["dear"]);
    assert!((known[0].quality.mean - 0.5).abs() < 1e-9 && known[0].cost_usd.is_none(), "{known:?}");
}

#[test]
fn nothing_labelled_says_nothing() {
    let known = expect(&learn(&[]), "s", "text", &["cheap"]);
    assert!((known[0].quality.mean - 0.5).abs() < 1e-9 && known[0].cost_usd.is_none(), "{known:?}");
}
