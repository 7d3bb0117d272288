#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
use super::*;
use crate::domain::{lessons::Example, quality::Context, residual::Wording};
use neptune_contracts::names::TaskType;

const OFFERS: [Offer<'static>; 2] =
    [Offer { model: "cheap", cost_usd: 0.001 }, Offer { model: "dear", cost_usd: 0.01 }];

fn context() -> Context {
    Context::new(TaskType::Extraction, 10, Some("s"))
}

fn lessons(cheap: f64, dear: f64) -> Lessons {
    let example = |number: usize| {
        let right = |share: f64| Some(f64::from(u8::from((number * 7 % 100) as f64 / 100.0 < share)));
        Example {
            context: context(),
            wording: Wording::default(),
            length_bytes: 0,
            weight: 1.0,
            scores: vec![right(cheap), right(dear)],
            costs_usd: vec![Some(0.001), Some(0.01)],
        }
    };
    Lessons::learn(vec!["cheap".into(), "dear".into()], &(0..100).map(example).collect::<Vec<_>>())
}

/// Choices over a stream whose scores are a function of task and model.
fn play(replay: &mut Replay<'_>, tasks: std::ops::Range<u32>, score: impl Fn(u32, &str) -> f64) -> Vec<Chosen> {
    let (context, mut choices) = (context(), Vec::new());
    let question = Question { context: &context, text: "" };
    for task in tasks {
        let chosen = replay.choose(u128::from(task), &question, &OFFERS, i64::from(task) * 100_000).unwrap();
        let cost_usd = if chosen.model == "dear" { 0.01 } else { 0.001 };
        replay.learn(&question, &chosen, (score(task, &chosen.model), cost_usd), i64::from(task) * 100_000);
        choices.push(chosen);
    }
    choices
}

fn share_of(model: &str, choices: &[Chosen]) -> f64 {
    choices.iter().filter(|chosen| chosen.model == model).count() as f64 / choices.len() as f64
}

#[test]
fn the_price_of_money_decides() {
    let lessons = lessons(0.7, 0.9);
    let share = |lambda: f64| share_of("dear", &play(&mut Replay::new(&lessons, lambda, None, 1), 0..100, |_, _| 0.8));
    assert!(
        share(0.0) > 0.9 && share(5.0) > 0.9 && share(200.0) < 0.1,
        "{} {} {}",
        share(0.0),
        share(5.0),
        share(200.0)
    );
}

#[test]
fn the_same_stream_is_played_the_same_and_another_seed_otherwise() {
    let lessons = lessons(0.8, 0.85);
    let play = |seed| play(&mut Replay::new(&lessons, 2.0, None, seed), 0..400, |task, _| f64::from(task % 3).min(1.0));
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}

#[test]
fn a_model_that_fails_loses_its_traffic_and_exploring_keeps_to_its_share() {
    let lessons = lessons(0.6, 0.95);
    let mut replay = Replay::new(&lessons, 2.0, None, 1);
    let before = play(&mut replay, 0..200, |task, model| if model == "dear" || task % 5 < 3 { 1.0 } else { 0.0 });
    let outage = play(
        &mut replay,
        200..400,
        |task, model| if model == "dear" { 0.0 } else { f64::from(u8::from(task % 5 < 3)) },
    );
    assert!(share_of("dear", &before) > 0.9, "{}", share_of("dear", &before));
    assert!(share_of("dear", &outage[50..]) < 0.05, "{}", share_of("dear", &outage[50..]));
    let explored = before.iter().chain(&outage).filter(|chosen| chosen.explored).count();
    assert!(explored <= 21, "{explored} of 400");
}

#[test]
fn a_budget_is_kept() {
    let lessons = lessons(0.5, 0.9);
    let mut replay = Replay::new(&lessons, 20.0, Some(Pace::new(0.004)), 1);
    let choices = play(&mut replay, 0..3_000, |_, model| if model == "dear" { 0.9 } else { 0.5 });
    let spent: f64 = choices.iter().map(|chosen| if chosen.model == "dear" { 0.01 } else { 0.001 }).sum();
    assert!((0.95..=1.02).contains(&(spent / (0.004 * 3_000.0))), "{spent}");
}
