//! `neptune eval routing`: what the router would expect of each model, learnt from other tasks.

use super::{context, examples, models, note_without_cost};
use crate::{error::Error, labelled, output};
use clap::Args;
use neptune_router::domain::{
    lessons::{Lessons, Question},
    quality::Cells,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Which tasks.
#[derive(Args, Debug)]
pub struct RoutingArgs {
    /// Labelled tasks to learn from (.jsonl or .jsonl.gz).
    #[arg(long, value_name = "FILE")]
    pub train: PathBuf,
    /// Tasks to judge; their outcomes are not looked at.
    #[arg(long, value_name = "FILE")]
    pub test: PathBuf,
    /// Prices for tasks that do not say what a call cost; prices.csv beside the tasks if not given.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    candidates: BTreeMap<&'a str, Candidate>,
}

#[derive(Serialize)]
struct Candidate {
    quality: f64,
    cost_usd: Option<f64>,
}

/// Learns from the one file and prints what is expected of each model for each task of the other.
///
/// # Errors
/// A file cannot be read, or is not what it should be.
pub fn run(args: &RoutingArgs) -> Result<(), Error> {
    let prices = labelled::prices(args.prices.as_deref(), &[&args.train, &args.test])?;
    let train = labelled::rows(&args.train, &prices)?;
    let known = models(&train);
    if known.is_empty() {
        let path = args.train.display();
        return Err(Error::Input(format!(
            "{path}: no task has a score of a model; give each a `score` of {{model: 0 to 1}}"
        )));
    }
    let lessons = Lessons::learn(known.clone(), &examples(&train, &known));
    let mut without_cost = BTreeSet::new();
    let test = labelled::rows(&args.test, &prices)?;
    for row in &test {
        let names: Vec<&str> = match row.scores.is_empty() {
            true => known.iter().map(String::as_str).collect(),
            false => row.scores.keys().map(String::as_str).collect(),
        };
        let context = context(row);
        let question = Question { context: &context, text: &row.text };
        let expected = lessons.expect(&question, &names, (&Cells::new(), 0));
        let candidate = |(name, expectation): (&&'_ str, neptune_router::domain::lessons::Expectation)| {
            let cost_usd = expectation.cost_usd.or_else(|| prices.usual_usd(name, row));
            Candidate { quality: expectation.quality.mean, cost_usd }
        };
        let candidates: BTreeMap<&str, Candidate> =
            names.iter().zip(expected).map(|(name, expectation)| (*name, candidate((name, expectation)))).collect();
        without_cost.extend(candidates.iter().filter(|(_, known)| known.cost_usd.is_none()).map(|(name, _)| *name));
        output::say_line(&Line { id: &row.id, candidates });
    }
    note_without_cost(&without_cost);
    Ok(())
}
