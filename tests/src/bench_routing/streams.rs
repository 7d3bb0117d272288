//! Streams: what is earned while learning, how fast a model that got worse loses its traffic, and
//! how well a budget is kept.

use super::{
    Folds,
    neptune::{Choice, Terms, bandit},
    report::Line,
    tasks::{Task, hash, load},
};
use std::collections::BTreeMap;

/// A degraded model keeps this share of its quality.
const DEGRADED: f64 = 0.4;
/// The stream of the outage is played so often.
const PASSES: u64 = 4;

/// The streams.
#[must_use]
pub fn measure() -> Vec<Line> {
    let mut lines = Vec::new();
    let llm = load("llmrouter");
    for (lambda, wanted) in [(20.0, 0.649), (200.0, 0.614)] {
        let (utility, played) = first_pass(&llm, lambda);
        lines.push(Line::at_least(
            &format!("bandit on LLMRouter, utility at {lambda} answers a dollar"),
            wanted,
            utility,
            played,
        ));
    }
    let mix = mix();
    let (share, played) = outage(&mix);
    lines.push(Line::at_most("traffic on a degraded model after a quarter of the outage, %", 5.0, share, played));
    for share in [0.05, 0.1, 0.25, 0.5] {
        let (realised, played) = budget(&mix, share);
        let name = format!("budget of {:.0} % of the dearest model's cost realised, %", 100.0 * share);
        lines.push(Line::between(&name, (95.0, 102.0), realised, played));
    }
    lines
}

/// The mean utility of five streams of a fifth each, with two seeds, after labels of the rest.
fn first_pass(tasks: &[Task], lambda: f64) -> (f64, usize) {
    let (mut sum, mut played) = (0.0, 0);
    for fold in 0..5 {
        let (stream, prior) = split(tasks, |task| Folds { count: 5 }.of(task) == fold);
        for seed in 0..2 {
            let stream = shuffled(&stream, seed);
            let choices = bandit(&prior, &stream, Terms { lambda, budget_usd: None, seed });
            let earned =
                |(task, choice): (&Task, &Choice)| task.scores[&choice.model] - lambda * task.costs_usd[&choice.model];
            sum += stream.iter().zip(&choices).map(earned).sum::<f64>();
            played += stream.len();
        }
    }
    (sum / float(played), played)
}

/// Percent of tasks still on the model that was used most, in the last three quarters of the middle
/// third of the stream, in which it is degraded.
fn outage(tasks: &[Task]) -> (f64, usize) {
    let (once, prior) = split(tasks, |task| Folds { count: 5 }.of(task) < 2);
    let mut stream: Vec<Task> = (0..PASSES).flat_map(|pass| shuffled(&once, pass)).collect();
    let terms = Terms { lambda: 20.0, budget_usd: None, seed: 0 };
    let middle = stream.len() / 3..2 * stream.len() / 3;
    let before = bandit(&prior, &stream, terms);
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    before[middle.clone()].iter().for_each(|choice| *uses.entry(&choice.model).or_default() += 1);
    let favourite = (*uses.iter().max_by_key(|(_, count)| **count).unwrap().0).to_owned();
    for task in &mut stream[middle.clone()] {
        *task.scores.get_mut(&favourite).unwrap() *= DEGRADED;
        *task = task.clone().written();
    }
    let late = middle.start + middle.len() / 4..middle.end;
    let after = bandit(&prior, &stream, terms);
    let still = after[late.clone()].iter().filter(|choice| choice.model == favourite).count();
    (100.0 * float(still) / float(late.len()), late.len())
}

/// Percent of a budget, which is a share of the dearest model's cost, that was spent.
fn budget(tasks: &[Task], share: f64) -> (f64, usize) {
    let (stream, prior) = split(tasks, |task| Folds { count: 5 }.of(task) < 2);
    let stream = shuffled(&stream, 1);
    let models = super::tasks::models(&stream);
    let mean = |model: &String| prior.iter().map(|task| task.costs_usd[model]).sum::<f64>() / float(prior.len());
    let budget_usd = share * models.iter().map(mean).fold(0.0, f64::max);
    let choices = bandit(&prior, &stream, Terms { lambda: 20.0, budget_usd: Some(budget_usd), seed: 1 });
    let spent: f64 = stream.iter().zip(&choices).map(|(task, choice)| task.costs_usd[&choice.model]).sum();
    (100.0 * spent / (budget_usd * float(stream.len())), stream.len())
}

/// ZeroEval and MMLU-Pro, with the five models that both have.
fn mix() -> Vec<Task> {
    let arms =
        ["gpt-4o-2024-05-13", "gemini-1.5-pro", "gemini-1.5-flash", "llama-3.1-70b-instruct", "llama-3.1-8b-instruct"];
    let arms: Vec<String> = arms.map(ToOwned::to_owned).into();
    let plain = |numbers: BTreeMap<String, f64>| -> BTreeMap<String, f64> {
        numbers.into_iter().map(|(model, number)| (model.trim_end_matches("-002").to_owned(), number)).collect()
    };
    let named = |mut task: Task| {
        (task.scores, task.costs_usd) = (plain(task.scores), plain(task.costs_usd));
        task.with_models(&arms)
    };
    let both = load("zeroeval").into_iter().chain(load("mmlu_pro")).map(named);
    both.filter(|task| task.is_complete(&arms)).collect()
}

fn split(tasks: &[Task], is_first: impl Fn(&Task) -> bool) -> (Vec<Task>, Vec<Task>) {
    tasks.iter().cloned().partition(is_first)
}

/// In an order that only depends on ids and `seed`.
fn shuffled(tasks: &[Task], seed: u64) -> Vec<Task> {
    let mut tasks = tasks.to_vec();
    tasks.sort_by_cached_key(|task| hash(&format!("{seed} {}", task.id)));
    tasks
}

#[expect(clippy::cast_precision_loss, reason = "a number of tasks fits")]
fn float(count: usize) -> f64 {
    count as f64
}
