//! `neptune eval bandit`: the router's choices over a stream, learning from each outcome after the
//! choice.

use super::{context, examples, models, note_without_cost};
use crate::{domain::labelled::Row, error::Error, labelled, output};
use clap::Args;
use neptune_router::domain::{
    lessons::{Lessons, Question},
    pace::Pace,
    replay::{Offer, Replay},
};
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf};

const DAY_MS: u64 = 86_400_000;

/// Which tasks, and what money is worth.
#[derive(Args, Debug)]
pub struct BanditArgs {
    /// Labelled tasks that are known before the stream begins (.jsonl or .jsonl.gz).
    #[arg(long, value_name = "FILE")]
    pub prior: PathBuf,
    /// Tasks in order; of each, only the outcome of the chosen model is read, after the choice.
    #[arg(long, value_name = "FILE")]
    pub stream: PathBuf,
    /// So many right answers are worth a US dollar: 20 says that a right answer is worth 5 cents.
    #[arg(long, value_name = "NUMBER", value_parser = not_negative)]
    pub lambda: f64,
    /// Other draws.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Keep to a budget of so many US dollars a task; --lambda is where the price of money starts.
    #[arg(long, value_name = "USD", value_parser = positive)]
    pub budget_usd_per_task: Option<f64>,
    /// How fast the stream goes, because what is learnt fades with time.
    #[arg(long, default_value_t = 2_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub tasks_per_day: u32,
    /// Prices for tasks that do not say what a call cost; prices.csv beside the tasks if not given.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    model: &'a str,
}

/// Chooses for each task of the stream and prints the choice.
///
/// # Errors
/// A file cannot be read, or is not what it should be.
pub fn run(args: &BanditArgs) -> Result<(), Error> {
    let prices = labelled::prices(args.prices.as_deref(), &[&args.prior, &args.stream])?;
    let prior = labelled::rows(&args.prior, &prices)?;
    let known = models(&prior);
    let lessons = Lessons::learn(known.clone(), &examples(&prior, &known));
    let mut replay = Replay::new(&lessons, args.lambda, args.budget_usd_per_task.map(Pace::new), args.seed);
    let mut without_cost = BTreeSet::new();
    let stream = labelled::rows(&args.stream, &prices)?;
    for (number, row) in (0_u64..).zip(&stream) {
        let now_ms = i64::try_from(number * DAY_MS / u64::from(args.tasks_per_day)).unwrap_or(i64::MAX);
        let context = context(row);
        let question = Question { context: &context, text: &row.text };
        let offer = |model| {
            let usual_usd = prices.usual_usd(model, row);
            Offer { model, cost_usd: usual_usd.unwrap_or(0.0) }
        };
        let offers: Vec<Offer<'_>> = row.scores.keys().map(|model| offer(model.as_str())).collect();
        let Some(chosen) = replay.choose(u128::from(number), &question, &offers, now_ms) else {
            let id = &row.id;
            return Err(Error::Input(format!("task {id} of the stream has no score of any model; leave it out")));
        };
        output::say_line(&Line { id: &row.id, model: &chosen.model });
        let (score, cost_usd) = outcome(row, &chosen.model);
        if cost_usd.is_none() {
            without_cost.insert(row.scores.get_key_value(&chosen.model).map_or("", |(model, _)| model));
        }
        replay.learn(&question, &chosen, (score, cost_usd.unwrap_or(0.0)), now_ms);
    }
    note_without_cost(&without_cost);
    Ok(())
}

/// What came of a choice: its score and what it cost.
fn outcome(row: &Row, model: &str) -> (f64, Option<f64>) {
    (row.scores.get(model).copied().unwrap_or(0.0), row.costs_usd.get(model).copied())
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number >= 0.0).ok_or_else(|| "expected a number of at least 0".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
